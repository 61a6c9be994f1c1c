import { use } from "../use.js";

test("a region can be used", () => use("one"));
test("and another one after it", () => use("another-after-one"));

const dhmem = require("dhmem");
const workflow = require("dhmem/workflow");

import("./use.mjs").then(({ use }) => use(dhmem, workflow));

# The tasks of the Newton workflow, unchanged, as rules that run side by side:
#
#     snakemake -s examples/snakemake/side-by-side.smk --cores 3
#
# Each waits for messages of the others, so all must run at once, and Snakemake needs a core for each. They may start
# in any order.

ROOT = f"{workflow.basedir}/../.."
WORKFLOW = f"{ROOT}/examples/newton/newton.yaml"
DHMEM = f"node {ROOT}/dist/src/cli/main.js"
PROGRAM = f"node {ROOT}/dist/examples/newton"

# Sets the environment that `dhmem run` would give the task.
TASK = f'eval "$({DHMEM} run --print-env {{rule}} {WORKFLOW})"'

rule all:
    input: "roots.json", "newton.svg", "evaluate.done"

rule evaluate:
    output: touch("evaluate.done")
    shell: TASK + " && {PROGRAM}/evaluate.js"

rule steer:
    output: "roots.json"
    shell: TASK + " && NEWTON_RESULTS={output} {PROGRAM}/steer.js"

rule visualize:
    output: "newton.svg"
    shell: TASK + " && NEWTON_SVG={output} {PROGRAM}/visualize.js"

# The region stays until it is removed, because the tasks may start and end in any order.
onsuccess: shell("{DHMEM} rm newton")
onerror: shell("{DHMEM} rm newton || true")

# Large data stays in shared memory. The rules pass on only a small file with its handle:
#
#     snakemake -s examples/snakemake/token.smk --cores 1

ROOT = f"{workflow.basedir}/../.."
DHMEM = f"node {ROOT}/dist/src/cli/main.js"
REGION = "snakemake"

rule all:
    input: "mean.txt"

# Any program can do this with `dhmem put`. The token works only once, so Snakemake removes the file after use.
rule save:
    output: temp("field.token")
    shell: "node {ROOT}/dist/examples/snakemake/save.js {REGION} > {output}"

rule mean:
    input: "field.token"
    output: "mean.txt"
    shell: 'node {ROOT}/dist/examples/snakemake/mean.js {REGION} "$(cat {input})" > {output}'

onsuccess: shell("{DHMEM} rm {REGION}")
onerror: shell("{DHMEM} rm {REGION} || true")

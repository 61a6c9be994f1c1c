module dhmem

go 1.25

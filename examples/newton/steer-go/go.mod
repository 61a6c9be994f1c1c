module newton/steer

go 1.25

require dhmem v0.0.0

// Where `node scripts/pack-go.mjs` puts the module.
replace dhmem => ../../../dist/go

# y and y' of a x² + b x + c for each guess of a batch, as evaluate.ts. Doubles survive 17 digits.
{
	line = $1
	for (i = 2; i <= NF; i += 4) {
		a = $i; b = $(i + 1); c = $(i + 2); x = $(i + 3)
		line = line sprintf(" %.17g %.17g", (a * x + b) * x + c, 2 * a * x + b)
	}
	print line
	fflush()
}

# Computes y and y' of a x² + b x + c for each guess of a batch, like evaluate.ts. Reads and prints lines of numbers.
$| = 1;
while (<STDIN>) {
	my ($batch, @guesses) = split;
	my @values;
	while (my ($a, $b, $c, $x) = splice(@guesses, 0, 4)) {
		push @values, ($a * $x + $b) * $x + $c, 2 * $a * $x + $b;
	}
	printf "%.17g" . " %.17g" x @values . "\n", $batch, @values;
}

// SPDX-License-Identifier: Apache-2.0
/* Recursion of a known depth: recurse DEPTH [SECONDS]. The innermost frame is `bottom`. */
#include "spin.h"

#include <stdlib.h>

static double until_ms;

LEAF void bottom(void)
{
	while (spin_cpu_ms() < until_ms)
		spin_rounds(50000 + spin_random() % 100000);
}

LEAF int descend(int depth)
{
	if (depth <= 1)
		bottom();
	else
		descend(depth - 1);
	return spin_sink & 1; /* keeps the call from becoming a jump */
}

int main(int argc, char **argv)
{
	until_ms = argc > 2 ? strtod(argv[2], NULL) * 1e3 : 1e9;
	return descend(argc > 1 ? strtol(argv[1], NULL, 10) : 500) > 1;
}

// SPDX-License-Identifier: Apache-2.0
/* Two leaf functions that take 70 % and 30 % of the time by construction: split [SECONDS] */
#include "spin.h"

#include <stdlib.h>

LEAF void leaf_seventy(uint64_t unit)
{
	spin_rounds(unit * 7);
}

LEAF void leaf_thirty(uint64_t unit)
{
	spin_rounds(unit * 3);
}

LEAF void work(double ms)
{
	while (spin_cpu_ms() < ms) {
		uint64_t unit = 5000 + spin_random() % 20000;

		leaf_seventy(unit);
		leaf_thirty(unit);
	}
}

int main(int argc, char **argv)
{
	work(argc > 1 ? strtod(argv[1], NULL) * 1e3 : 1e9);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// C++ names: a method template in a namespace, an operator, a lambda. names_cc [SECONDS]
#include "spin.h"

#include <cstdlib>

namespace shop {
template <typename T> struct Basket {
	LEAF void total(T rounds)
	{
		spin_rounds(rounds);
	}
	LEAF Basket &operator+=(T rounds)
	{
		spin_rounds(rounds);
		return *this;
	}
};
}

int main(int argc, char **argv)
{
	double ms = argc > 1 ? strtod(argv[1], nullptr) * 1e3 : 1e9;
	shop::Basket<unsigned long> basket;

	while (spin_cpu_ms() < ms) {
		basket.total(100000 + spin_random() % 100000);
		basket += 100000 + spin_random() % 100000;
	}
	return 0;
}

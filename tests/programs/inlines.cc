// SPDX-License-Identifier: Apache-2.0
// Templates, lambdas, containers: functions that are expanded into one another. For the comparison with other symbolizers.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace app {

template <class T> struct Box {
	T value;
	T get() const { return value; }
};

struct Document {
	std::map<std::string, std::vector<std::string>> lists;
	std::unordered_map<std::string, int> counts;
};

static inline int score(const std::string &s)
{
	int sum = 0;
	for (char c : s)
		sum = sum * 31 + c;
	return sum;
}

Document clone(const Document &d)
{
	return d;
}

int run(int n)
{
	Document d;
	for (int i = 0; i < n; i++) {
		d.lists["k" + std::to_string(i % 17)].push_back(std::to_string(i));
		d.counts["x" + std::to_string(i)]++;
	}
	Document e = clone(d);
	int sum = 0;
	for (auto &list : e.lists) {
		std::sort(list.second.begin(), list.second.end(), [](const auto &a, const auto &b) { return score(a) < score(b); });
		for (auto &text : list.second)
			sum += score(text);
	}
	std::function<int(int)> add = [&](int x) { return x + sum; };
	Box<int> box{add(3)};
	return box.get();
}

} // namespace app

int main(int argc, char **argv)
{
	std::cout << app::run(argc * 1000) << "\n";
	return 0;
}

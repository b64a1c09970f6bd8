# SPDX-License-Identifier: Apache-2.0
#
# A script as it is embedded: without comments and blanks, and with short names for what it declares. Every flame graph
# carries these bytes, so they are worth saving; the source stays readable. It relies on how the source is written:
# comments are lines of their own, strings have double quotes, a key of an object has its colon right behind it and a
# ternary has a blank before its own, statements end in a semicolon.
{ sub(/^[ \t]+/, "") }
/^\/\/ Own properties: / {
	for (i = 4; i <= NF; i++)
		own[$i] = 1
}
/^$/ || /^\/\// { next }
{ tokenize($0) }

function tokenize(line,   space) {
	while (line != "") {
		space = match(line, /^[ \t]+/)
		if (space)
			line = substr(line, RLENGTH + 1)
		if (line == "")
			break
		if (match(line, /^"([^"\\]|\\.)*"/) ||
		    (last ~ /^(|[(,=:?!&|{};[+-]|return)$/ && match(line, /^\/([^\/\\[]|\\.|\[([^\]\\]|\\.)*\])+\/[a-z]*/)) ||
		    match(line, /^[A-Za-z_$][A-Za-z0-9_$]*/) || match(line, /^[0-9][0-9A-Za-z.]*/) || match(line, /^./)) {
			token[++n] = last = substr(line, 1, RLENGTH)
			blank[n] = space > 0
			line = substr(line, RLENGTH + 1)
		}
	}
}

function is_name(s) { return s ~ /^[A-Za-z_$]/ }

# What is declared and nowhere the name of a property, and what a line "// Own properties: NAME..." says no other object has,
# gets a short name, the same everywhere.
function choose_names(   i, k, depth, open, start, declaring, property, next_name) {
	for (i = 1; i <= n; i++) {
		if (token[i] ~ /^[([{]$/) {
			open[++depth] = token[i]
			start[depth] = i
			declaring[depth] = 0
		} else if (token[i] ~ /^[)\]}]$/) {
			if (token[i] == ")" && ((token[i + 1] == "=" && token[i + 2] == ">") || token[start[depth] - 2] == "function"))
				for (k = start[depth] + 1; k < i; k++)
					if (is_name(token[k]) && token[k - 1] ~ /^[(,]$/ && token[k + 1] ~ /^[,)=]$/)
						declared[token[k]] = 1
			depth--
		}
		if (token[i] ~ /^(const|let)$/)
			declaring[depth] = 1
		else if (token[i] == ";")
			declaring[depth] = 0
		if (!is_name(token[i]))
			continue
		used[token[i]] = 1
		if (token[i - 1] ~ /^(const|let|function)$/ || (token[i + 1] == "=" && token[i + 2] == ">") ||
		    (token[i - 1] == "," && declaring[depth] && token[i + 1] ~ /^[=,;]$/ && token[i + 2] !~ /^[=>]$/))
			declared[token[i]] = 1
		if ((token[i - 1] == "." && token[i - 2] != ".") || (token[i + 1] == ":" && !blank[i + 1]) ||
		    (open[depth] == "{" && !declaring[depth] && token[i - 1] ~ /^[{,]$/ && token[i + 1] ~ /^[,}]$/))
			property[token[i]] = 1
	}
	for (i = 1; i <= n; i++)
		if ((own[token[i]] || (declared[token[i]] && !property[token[i]])) && length(token[i]) > 2 && !(token[i] in short)) {
			do
				next_name = letters(++count)
			while (next_name in used || next_name ~ /^(as|do|if|in|of)$/)
			short[token[i]] = next_name
		}
}

function letters(v,   alphabet, s) {
	alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for (s = ""; v > 0; v = int((v - 1) / 52))
		s = substr(alphabet, (v - 1) % 52 + 1, 1) s
	return s
}

# One declaration follows another: a comma says so in fewer bytes.
function continues(i) { return token[i] == ";" && declaration[depth] && token[i + 1] ~ /^(const|let)$/ }

# The same in fewer bytes. What a constant must not be used for, the source has made sure of.
function shortest(t) {
	if (t == "const")
		return "let"
	if (t == "true" || t == "false")
		return t == "true" ? "!0" : "!1"
	sub(/^0\./, ".", t)
	return t in short ? short[t] : t
}

END {
	choose_names()
	for (i = 1; i <= n; i++) {
		t = shortest(token[i])
		if (t ~ /^[([{]$/)
			declaration[++depth] = 0
		else if (t ~ /^[)\]}]$/)
			depth--
		else if (t == "let")
			declaration[depth] = 1
		if (continues(i)) {
			t = ","
			i++
		} else if (t == ";") {
			declaration[depth] = 0
			if (token[i + 1] == "}")
				continue
		}
		if ((before ~ /[A-Za-z0-9_$]$/ && t ~ /^[A-Za-z0-9_$]/) || (blank[i] && before ~ /^[+-]+$/ && t ~ /^[+-]/) ||
		    (before == "]" && t == ">")) # "]]>" would end the CDATA section that holds the script
			printf " "
		# Lines that no reader or tool has trouble with.
		if (width > 4000 && before == ";") {
			printf "\n"
			width = 0
		}
		printf "%s", t
		width += length(t)
		before = t
	}
	printf "\n"
}

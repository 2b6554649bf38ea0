# Counts words: {"text": "..."} on stdin → {"words": N, "distinct": N, "top": [{"word": "the", "count": N}, ...]}

export LC_ALL=C.UTF-8
TOP=${TOP:-5}
[[ $TOP =~ ^[1-9][0-9]{0,2}$ ]] || { echo "the variable TOP must be a number from 1 to 999, not '$TOP'" >&2; return 1; }

# A word is letters with apostrophes between them: "don't" is one, and a closing quote belongs to none.
WORD="[[:alpha:]]+('[[:alpha:]]+)*"
# JSON strings hold no raw newline, and a backslash always takes the next character with it.
MEMBER='"text"[[:space:]]*:[[:space:]]*"([^"\\]|\\.)*"'

count() {
  local text
  text=$(text_of_event) || { echo 'the event needs "text", a JSON string' >&2; return 1; }
  echo "counting the words of ${#text} characters" >&2
  # grep ends with 1 when it finds no word at all, which is no error here.
  { grep --text --only-matching --extended-regexp "$WORD" <<<"${text,,}" || true; } |
    sort | uniq --count | sort --key=1,1nr --key=2,2 |
    awk -v top="$TOP" '
      { words += $1 }
      NR <= top { list = list (NR > 1 ? ", " : "") "{\"word\": \"" $2 "\", \"count\": " $1 "}" }
      END { printf "{\"words\": %d, \"distinct\": %d, \"top\": [%s]}", words, NR, list }'
}

# The decoded value of "text" in the JSON object on stdin. Fails when there is none.
text_of_event() {
  local raw
  raw=$(tr '\n' ' ' | grep --text --only-matching --extended-regexp "$MEMBER" | head -n 1)
  [ -n "$raw" ] || return 1
  raw=${raw#*:}
  raw=${raw#*\"}
  raw=${raw%\"}
  # printf's %b decodes JSON's escapes, all but these two.
  raw=${raw//\\\"/\"}
  raw=${raw//\\\//\/}
  printf '%b' "$raw"
}

// Answers what path-to-regexp says: reads [[matcher, [path, ...]], ...] as JSON from stdin, and writes for each matcher
// either {"error": "..."} or {"matches": [true, false, ...]}, in one JSON list.

const { pathToRegexp } = require("path-to-regexp");

function answer([matcher, paths]) {
  let regexp;
  try {
    regexp = pathToRegexp(matcher, [], { sensitive: true });
  } catch (error) {
    return { error: error.message };
  }
  return { matches: paths.map((path) => regexp.test(path)) };
}

const questions = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(questions.map(answer)));

/**
 * Verbs for a command's action, as Claude starts its descriptions with them: “Run the test suite”.
 * Other first words are taken for nouns.
 */
const verbs = new Set(
  `add adjust allow analyze apply archive ask assemble attach authenticate back begin bring build bump calculate call capture change check clean clear click clone close collect combine commit
  compare compile compress compute configure confirm connect convert copy count create cut debug decode define delete deploy describe detect determine diff disable discard display download draw drop dump
  edit enable encode ensure enter examine execute explain explore export extract fetch fill filter find finish fix follow force format gather generate get give go grep handle identify import improve
  increase initialize inspect install investigate join kill launch let link lint list load locate log look make map mark match measure merge migrate modify monitor move navigate obtain open order parse
  patch pause perform pick ping plan play plot post prepare pretty-print preview print probe process profile prune publish pull push put query quit read rebase rebuild recreate reduce refactor refresh
  regenerate register reinstall release reload remove rename render reorder replace report reproduce request rerun reset resolve restart restore resume retrieve retry return revert review revise rewrite run save scan
  search see select send serve set ship show shut simplify simulate skip sort split squash stage start stash stop store strip submit summarize switch sync tag tail take test tidy time toggle touch trace
  train translate trigger trim try turn type uncompress undo uninstall unpack unzip update upgrade upload use validate verify view visit wait walk warm watch work wrap write zip`.split(
    /\s+/,
  ),
);

/**
 * Verbs that double their last letter although they have more than one syllable, or two vowels in a
 * row.
 */
const doubling = new Set([
  'begin',
  'commit',
  'debug',
  'format',
  'quit',
  'rerun',
  'reset',
  'submit',
  'unzip',
  'get',
]);

/**
 * `run` becomes `running`: a final e is dropped, a single consonant after a single vowel is doubled
 * in monosyllables.
 */
function participle(verb: string): string {
  if (doubling.has(verb) || /^[^aeiou]*[aeiou][^aeiouwxy]$/.test(verb))
    return `${verb}${verb.at(-1)}ing`;
  return /[^eoy]e$/.test(verb) ? `${verb.slice(0, -1)}ing` : `${verb}ing`;
}

/** Where a second instruction starts: “Fetch the page, then extract its links”. */
const second = /,? (?:and then|and|then) ([a-z-]+)\b/g;

/**
 * Turns an instruction into its progressive form: “Run the tests” into “Running the tests”. Of
 * several instructions only the first is kept, except that “Find and delete …” stays whole.
 * Undefined when the verb is unknown or the text starts with a noun. A text already in that form
 * stays as it is.
 */
export function asInProgress(order: string): string | undefined {
  const [first = ''] = order.split(' ');
  const verb = first.toLowerCase();
  if (/^[A-Z][a-z-]{2,}ing$/.test(first) && !verbs.has(verb)) return order;
  if (!verbs.has(verb)) return undefined;
  const rest = order
    .slice(first.length)
    .replace(/^ (and|or) ([a-z-]+)\b/, (whole, word: string, next: string) =>
      verbs.has(next) ? ` ${word} ${participle(next)}` : whole,
    );
  const end =
    [...rest.matchAll(second)].find(([, next = '']) => verbs.has(next))?.index ?? rest.length;
  const doing = participle(verb);
  return `${doing.charAt(0).toUpperCase()}${doing.slice(1)}${rest.slice(0, end)}`;
}

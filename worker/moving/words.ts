/** Tells a person that they have moved, and what did not come along (`leftOut`, in words, may be ''). */
export function movedWords(leftOut: string): string {
  const lacks = leftOut === '' ? '' : ` Too much to come along: ${leftOut}.`;
  return `I work for you on another computer now. Your files came along as they were; packages in node_modules and caches are made anew when they are needed.${lacks}`;
}

/** Tells a person which secrets did not come along. */
export function secretsLostWords(names: readonly string[]): string {
  const [first = ''] = names;
  const many = names.length > 1;
  return `${many ? 'These secrets' : 'This secret'} could only be opened by your former computer: ${names.join(', ')}. Please send ${many ? 'them' : 'it'} again, with “/secret ${first}”${many ? ' and so on' : ''}.`;
}

/** Tells the owner that a move was given up. */
export function moveFailedWords(name: string, to: string, reason: string): string {
  return `I could not move ${name} to the computer “${to}”: ${reason}. They stay where they are, and nothing is lost.`;
}

/** Tells the owner that a move does not come to its end. */
export function moveStuckWords(name: string, to: string, reason: string): string {
  return `${name} moves to the computer “${to}”, and it cannot bring their files back yet: ${reason}. Their messages wait, and I keep trying.`;
}

/** Tells the owner that a computer has files of people who have another one by now. */
export function setAsideWords(home: string, left: readonly string[]): string {
  return `The computer “${home}” has files of people who have moved to another one since: ${left.join(', ')} in its directory “people”. I do not use them there any more, and I delete none. Please look whether they hold anything newer, and remove them.`;
}

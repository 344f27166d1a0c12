/** Elements that Claude Code puts into a prompt and that the person did not write. */
const injectedPattern =
  /<(system-reminder|task-notification|local-command-[a-z]+|command-[a-z]+)\b[^>]*>[\s\S]*?<\/\1>/g;
/** Claude Code names the copy it keeps of a picture in a text block of its own. */
const imageNotePattern = /^\[Image: .*\]$/gm;
/**
 * Lines of context that a host may put around the person's words: a bracketed note, or a line of
 * tags alone.
 */
const contextLinePattern = /^(?:\[[^\n]*\]|(?:<\/?[a-z][^>\n]*>\s*)+)$/gim;
/**
 * How Claude Code tells the model about a message sent in mid turn; several may follow each other
 * in one text.
 */
const steeringPattern =
  /The user sent a new message while you were working:\n([\s\S]*?)(?=\n\nThis is how Claude Code surfaces|\n*<\/system-reminder>|$)/g;

/**
 * Removes the additions of Claude Code or the host from a text block, leaving the person's words. A
 * person who writes only a bracketed line keeps it: context lines go only while something else
 * remains.
 */
export function personText(block: string): string {
  const own = block.replace(injectedPattern, '').replace(imageNotePattern, '').trim();
  return own.replace(contextLinePattern, '').trim() || own;
}

/**
 * The texts the person sent while the turn was running, as found in one block of the request, in
 * order.
 */
export function extractSteering(block: string): string[] {
  return [...block.matchAll(steeringPattern)]
    .map((match) => personText(match[1] ?? ''))
    .filter((text) => text !== '');
}

/** How a text begins that says that work in the background has ended. */
export const endedWorkMark = 'Background work ended:';

/**
 * What Claude Code tells the model when work in the background has ended, as one line that a story
 * can match: “Background work ended: …” with each summary. Undefined for another text.
 */
export function endedWork(block: string): string | undefined {
  const notices = [...block.matchAll(/<task-notification>([\s\S]*?)<\/task-notification>/g)];
  const summaries = notices.map(
    ([, notice = '']) => /<summary>([\s\S]*?)<\/summary>/.exec(notice)?.[1]?.trim() ?? '',
  );
  return summaries.length > 0 ? `${endedWorkMark} ${summaries.join('; ')}` : undefined;
}

/** How the host says what a person has sent besides words, and what they have taken back. */
const receivedPattern =
  /\[((?:The person (?:sent a file of type|shared|has taken back|has brought back) |Voice message, )[^\]]*(?:\] *[^[\n][^\n]*)?)/g;

/**
 * The host's notes in a text block about files, places, contacts and voice messages, without
 * brackets; a voice message with its words.
 */
export function receivedNotes(block: string): string[] {
  return [...block.matchAll(receivedPattern)].map(([, note = '']) => note.replace(/\]$/, ''));
}

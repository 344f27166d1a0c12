import { cutLines } from '../../../shared/runtime/cut.ts';
/** Tells Claude where it runs, on top of Claude Code's own instructions. */
export const instructions = `You are reached through Sidepocket: the person writes to you on WhatsApp from a phone, and you work on their own cloud computer.
- Your final answer is sent to the chat by itself. Write it for a phone: short, plain, no long code unless asked for.
- Show instead of telling: take a screenshot with the playwright tools and send it with the whatsapp tool send_file. The same goes for any file the person asks for.
- On long work, a short send_message in between is welcome when there is something worth knowing.
- The person cannot see this computer's screen or its files, and cannot open links to localhost.
- A key or password that a command needs is a secret of the person's, in the command's environment: use it by its name ($NAME), and never print it. When one is missing, ask the person to set it with “/secret NAME”, never to write it here.
- Give the link when you have opened a pull request.
- What you leave running in the background goes on after your answer. When it ends you are asked by yourself, and what you say then is sent to the chat.
- You can plan turns of your own: schedule_turn for “every weekday at 9 …” and “in two hours …”. When one is due you get its prompt with a note “[Scheduled: …]” before it. The person did not write just then, so say in a few words what your answer is about.`;

const noteMark = '[Sidepocket]';

/**
 * Sent to Claude when a turn resumes after an interruption; the transcript already has the person's
 * text.
 */
export const resumeNote = `${noteMark} You were interrupted while working on the person's last message: the computer was restarted or your process ended. Check what is already done before you do anything again, then go on and answer.`;

/**
 * Sent to Claude when the model proxy refused a request for its cost and the person has raised the
 * budget since.
 */
export const raisedNote = `${noteMark} You were interrupted while working, because the budget was used up. The person has raised it. Check what is already done before you do anything again, then go on and answer.`;

/**
 * Sent to Claude for a message that was interrupted and that later ones have overtaken; `text`
 * identifies it for Claude by its first words, and `promptId` in the transcript.
 */
export function overtakenNote(text: string, promptId: string): string {
  return `${noteMark} You were interrupted while working on an earlier message of the person, which has no answer yet: “${cutLines(text, 200)}”. Check what is already done before you do anything again, then go on and answer that one (message ${promptId}).`;
}

/**
 * Sent to Claude when work in the background has ended and it was interrupted before it could say
 * so; `lost` are works that ended without an outcome.
 */
export function endedNote(lost: { description: string }[]): string {
  const also =
    lost.length === 0
      ? ''
      : ` This was still running and ended with it: ${lost.map(({ description }) => `“${description}”`).join(', ')}; say so.`;
  return `${noteMark} You were interrupted while reporting on work in the background: the notification above has no answer yet. Tell the person what came of it.${also}`;
}

/**
 * Around the last messages of a session whose history the API refused, at the start of the session
 * that follows it.
 */
export const carriedNote = `${noteMark} The earlier session could not go on, because the API refused its history; this is a fresh one. These are the last messages of the earlier one, oldest first, without the steps of the work:`;
export const carriedNoteEnd = `${noteMark} End of the earlier messages. Only the message below waits for an answer. Work on it may have begun: check what is already done before you do anything again.`;

/**
 * Whether Claude continues a prompt when it reads a note of ours: a raised budget is for all, a
 * note about background work for a notice alone; a note that names a message counts for that
 * message alone, and only if no later answer has overtaken it.
 */
export function goesOnWith(
  note: string,
  prompt: { id: string; isNotice: boolean; overtaken: boolean },
): boolean {
  if (note.startsWith(raisedNote)) return true;
  const isAboutWork = note.startsWith(`${noteMark} You were interrupted while reporting`);
  if (isAboutWork !== prompt.isNotice) return false;
  const [, named] = /\(message ([\w-]+)\)\.$/.exec(note) ?? [];
  if (named !== undefined) return named === prompt.id;
  return !(note.startsWith(resumeNote) && prompt.overtaken);
}

/** Whether a text in the transcript is one of our notes rather than the person's message. */
export function isNote(text: string): boolean {
  return text.startsWith(`${noteMark} You were interrupted`);
}

import type { Answer } from '../model/answer.ts';
import { callTool, text } from '../model/answer.ts';
import { endedWorkMark } from '../model/person-text.ts';
import type { Story } from '../model/stories/story.ts';
import { wordsToSay } from '../model/stories/say.ts';

/** The note to Claude Code after an interruption; the person's own texts never match it. */
const resumed = /^\[Sidepocket\] You were interrupted.*$/gm;
/** The note about an end that was not reported. */
const report = /while reporting on work in the background/;
/** A note on an earlier message quotes it. */
const quoted = /“([^”]*)”/;
const everyQuoted = /“[^”]*”/g;
/** The messages that the note says to leave. */
const left = /^The person was told that there is no answer to these .*$/gm;
/** Describes the command that makes a turn long. */
const pause = 'Work for a moment';
const wanted = /\banswer to \S+.*$/gm;

/**
 * The chaos run's story: `say answer to LABEL`, `… with a note` (a message in between) `… with a
 * tool` (a command of about a second), and `… with a helper` (a command in the background, whose
 * end is `end of LABEL`). When asked to continue, it answers every open request of the
 * conversation, except those that the note says to leave.
 * @param onTool called when a tool call goes out. @param onAnswer called when the last words go
 * out.
 */
export function createErrand(onTool: () => void, onAnswer: () => void): Story {
  return {
    matches: (asked) =>
      asked.search(resumed) >= 0 ||
      asked.startsWith(endedWorkMark) ||
      wordsToSay(asked) !== undefined,
    next({ texts, notices, results, unfinished }): Answer {
      const whole = texts.map((entry) => entry.text).join('\n');
      const givenUp = new Set(
        (whole.match(left) ?? []).flatMap((note) => note.match(everyQuoted) ?? []),
      );
      const isGivenUp = (word: string): boolean => givenUp.has(`“say ${word}”`);
      const all = whole.replace(left, '');
      const notes = all.match(resumed) ?? [];
      const asked =
        [...notes.map((note) => quoted.exec(note)?.[1] ?? ''), all.replace(resumed, '')]
          .join('\n')
          .match(wanted) ?? [];
      const open = unfinished.join('\n').replace(resumed, '').replace(left, '').match(wanted) ?? [];
      // What reports on the background asks nothing else.
      const before = notes.some((note) => !quoted.test(note) && !report.test(note))
        ? open.filter((word) => !isGivenUp(word))
        : [];
      const words = [...new Set([...before, ...asked])];
      const helpers = words.flatMap((word) => /\S+(?= with a helper$)/.exec(word) ?? []);
      const isBegun = (label: string): boolean =>
        results.some(({ input }) => input['description'] === `Watch ${label}`);
      const [noted, tooled] = [
        words.find((word) => word.endsWith(' with a note')),
        words.find((word) => word.endsWith(' with a tool')),
      ];
      if (
        notes.length === 0 &&
        noted &&
        !results.some((result) => result.name === 'mcp__whatsapp__send_message')
      ) {
        onTool();
        return callTool('mcp__whatsapp__send_message', {
          text: noted.replace('answer to', 'note on'),
        });
      }
      if (
        notes.length === 0 &&
        tooled &&
        !results.some(({ input }) => input['description'] === pause)
      ) {
        onTool();
        return callTool('Bash', {
          command: 'echo working; sleep 0.8',
          description: pause,
        });
      }
      const label = helpers.find((name) => !isBegun(name));
      if (notes.length === 0 && label !== undefined)
        return callTool('Bash', {
          command: `sleep 1.5; echo ${label}`,
          description: `Watch ${label}`,
          run_in_background: true,
        });
      const begun = helpers.filter(isBegun).map((name) => `began ${name}`);
      const ends = notices.join('\n').match(/(?<=Watch )[\d-]+/g) ?? [];
      const told = [...new Set(ends)].map((name) => `end of ${name}`);
      const lost = notes
        .filter((note) => report.test(note))
        .flatMap((note) => note.match(everyQuoted) ?? [])
        .map((name) => `${name} ended with it`);
      onAnswer();
      return text([...words, ...begun, ...told, ...lost].join('\n') || 'Done.');
    },
  };
}

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { cut } from '../../shared/runtime/cut.ts';
import type { Conversations } from '../../shared/store/conversation.ts';
import { parseJson } from '../../shared/runtime/json.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { reportError } from '../../shared/runtime/errors.ts';
import type { PermissionMode } from '../agent/settings.ts';
import { grant, noGrants } from '../agent/workspace/grants.ts';
import type { WorkspaceGrants } from '../agent/workspace/grants.ts';
import type { DigestedProgram, WorkspaceLook, WorkspaceReader } from '../agent/workspace/reader.ts';
import type { Question } from './question.ts';
import type { Questions } from './questions.ts';
import { chunk } from '../reply/chunk.ts';
import { showLine, showText, warningsAbout } from './shown-text.ts';
import type { TurnContext } from '../turn/context.ts';

export type TrustDeps = {
  workspaces: WorkspaceReader;
  conversations: Conversations;
  outbox: Outbox;
};

/** The person's approval of a workspace's own programs. */
export type WorkspaceTrust = {
  /**
   * Decides which of the workspace's programs may run. Shows new ones and asks, once per content;
   * in the mode `all` they run, and the chat says so once. Rejects with the signal's reason, and
   * with FencedError.
   */
  decide(permissions: PermissionMode, signal: AbortSignal): Promise<WorkspaceGrants>;
};

/**
 * Stored by digest: the answer, that the program was announced in the mode `all`, or that the
 * person knows that it stays off.
 */
const Remembered = z.record(z.string(), z.enum(['yes', 'no', 'told', 'off']));
type Remembered = z.infer<typeof Remembered>;

/** Limit per conversation; older programs are asked about again. */
const mostRemembered = 300;
/**
 * How much of the programs' text fits into the question itself (characters); more is sent before
 * it, in separate messages.
 */
const mostInQuestion = 400;

/** Starts scanning at once; `decide` waits for it. */
export function createWorkspaceTrust(
  parts: TrustDeps,
  context: TurnContext,
  questions: Questions,
  workspace: string,
): WorkspaceTrust {
  const { conversations, outbox } = parts;
  const { turn, conversation, fence, log } = context;
  const looking = parts.workspaces.look(workspace).catch((error: unknown): WorkspaceLook => {
    log.warn(
      { reason: reportError(error).message },
      'scanning the workspace failed, so none of its own programs run',
    );
    return { ...noGrants, off: [] };
  });

  const say = async (digest: string, text: string): Promise<void> => {
    const texts = chunk(text);
    await outbox.put(
      texts.map((part, index) => ({
        id: `${turn}.workspace.${digest}.${index + 1}`,
        conversation,
        turn,
        text: part,
      })),
      fence,
    );
  };

  const ask = async (programs: DigestedProgram[], signal: AbortSignal): Promise<'yes' | 'no'> => {
    const warnings = warningsAbout(programs.map(({ shown }) => shown).join('\n'));
    const shown = [...programs.map(describe), ...warnings].join('\n\n');
    const isLong = shown.length > mostInQuestion;
    const names = cut(programs.map(({ name }) => name).join(', '), mostInQuestion);
    if (isLong)
      await say(short(shown), `This project wants to run programs of its own:\n\n${shown}`);
    const text = isLong
      ? `May the project's own programs shown above run? (${names})`
      : `This project wants to run programs of its own. May it?\n\n${shown}`;
    const question: Question = {
      kind: 'permission',
      text,
      options: [{ label: 'Yes' }, { label: 'No' }],
      multiple: false,
      fallback: 'No',
      yes: 'Yes',
      no: 'No',
      subject: programs.map(({ digest }) => digest).join(' '),
    };
    const { words, answered } = await questions.ask(question, signal);
    if (answered && words[0] === 'Yes') return 'yes';
    await say(
      `${short(shown)}.no`,
      'They stay off, and I do not ask again unless they change. Text “/permissions project” if you want to be asked.',
    );
    return 'no';
  };

  return {
    async decide(permissions, signal) {
      const look = await looking;
      if (look.programs.length === 0 && look.off.length === 0) return grant(look, () => false);
      const remembered = parseRemembered((await conversations.read(conversation)).trusted);
      const fresh = look.programs.filter(
        ({ digest }) =>
          !remembered[digest] || (permissions !== 'all' && remembered[digest] === 'told'),
      );
      const decide = async (decision: Remembered[string], digests: string[]): Promise<void> => {
        for (const digest of digests) remembered[digest] = decision;
        await conversations.write(conversation, fence, {
          trusted: JSON.stringify(
            Object.fromEntries(Object.entries(remembered).slice(-mostRemembered)),
          ),
        });
      };
      const off = look.off
        .map((sentence) => ({ sentence, digest: `off-${short(sentence)}` }))
        .filter(({ digest }) => !remembered[digest]);
      if (off.length > 0) {
        await say(
          short(off.map(({ digest }) => digest).join(' ')),
          `These stay off, whatever the project says:\n${off.map(({ sentence }) => `• ${sentence}`).join('\n')}`,
        );
        await decide(
          'off',
          off.map(({ digest }) => digest),
        );
      }
      const digests = fresh.map(({ digest }) => digest);
      if (fresh.length > 0 && permissions === 'all') {
        await say(
          short(digests.join(' ')),
          `This project has programs of its own, which run from now on (you have chosen that I do not ask):\n\n${fresh.map(describe).join('\n\n')}`,
        );
        await decide('told', digests);
      } else if (fresh.length > 0) await decide(await ask(fresh, signal), digests);
      return grant(
        look,
        (digest) =>
          remembered[digest] === 'yes' || (permissions === 'all' && remembered[digest] === 'told'),
      );
    },
  };
}

/** Formats a program with everything that it would run. */
function describe({ name, shown }: DigestedProgram): string {
  return `*${showLine(name)}*\n\`\`\`${showText(shown)}\`\`\``;
}

function parseRemembered(text: string | undefined): Remembered {
  if (text === undefined) return {};
  const parsed = Remembered.safeParse(parseJson(text));
  return parsed.success ? parsed.data : {};
}

const short = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 16);

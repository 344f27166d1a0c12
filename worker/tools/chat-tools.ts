import { createHash } from 'node:crypto';
import path from 'node:path';
import { FileStoreFullError, MemoryFullError } from '../../shared/store/files.ts';
import type { StoredFile } from '../../shared/store/files.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { reportError } from '../../shared/runtime/errors.ts';
import type { SendTools } from '../agent/agent.ts';
import type { Home } from '../agent/homes/home.ts';
import { createAgentFiles, FileProblem } from '../agent/sandbox/files.ts';
import { nameForPerson } from './file-name.ts';
import { planSending } from './outgoing-file.ts';
import type { NamedFile, Piece } from './outgoing-file.ts';
import { writeForChat } from '../reply/writing.ts';
import type { TurnContext } from '../turn/context.ts';
import type { TurnDeps } from '../turn/deps.ts';
import type { SendQuota } from './send-quota.ts';
import type { SentMessages } from './sent-messages.ts';

/** The turn that the tools belong to. */
export type ChatToolTurn = {
  /** Files are read with the rights of its user. */
  home: Home;
  workspace: string;
  /** Limits how much the turn sends. */
  quota: SendQuota;
  /**
   * Aborts with the turn: it ends the inspection of files and stops the tools from sending, so that
   * a stop withdraws everything.
   */
  signal: AbortSignal;
  /** Counts everything sent to the person, including entries on the page. */
  sent: SentMessages;
};

/**
 * The largest accepted file (bytes): half of the file store's capacity. Above 16 MB it is sent as a
 * link.
 */
const largestFile = 32 * 1024 * 1024;

const fileSentences: Record<FileProblem['kind'], (file: string) => string> = {
  missing: (file) => `There is no file at ${file}.`,
  forbidden: (file) => `The file at ${file} may not be read by you, so it was not sent.`,
  large: () =>
    'That file has more than 32 MB, which cannot be sent, not even as a link: make it smaller or split it.',
};

/** Sends the person the link to the page with what exceeds the quota. */
function restWords(pageUrl: string): string {
  return `That is a lot of messages. I collect the rest on one page, which grows while I work:\n${pageUrl}`;
}

/**
 * The agent's tools for sending to the person. They answer the model in sentences; only being
 * fenced off ends the turn.
 */
export function createChatTools(
  { stores, media, settings }: Pick<TurnDeps, 'stores' | 'media' | 'settings'>,
  { turn, conversation, fence }: TurnContext,
  { home, workspace, quota, signal, sent }: ChatToolTurn,
): SendTools {
  const { outbox, files, pages } = stores;
  const { publicUrl } = settings;
  const say = async (replies: { id: string; text: string; file?: StoredFile }[]): Promise<void> => {
    signal.throwIfAborted();
    await outbox.put(
      replies.map((reply) => ({ ...reply, conversation, turn, aside: true as const })),
      fence,
    );
    for (const _ of replies) sent.note();
  };

  /**
   * Appends messages beyond the quota to the turn's page, whose address the person gets once.
   * Returns the answer for the model.
   */
  const addToPage = async (entry: string, markdown: string): Promise<string> => {
    const token = await pages.append(`${turn}.rest`, entry, markdown);
    if (token === undefined)
      return 'Not sent: this turn has sent too much already, and there is no room on a page for the rest. Say what matters in your answer.';
    const id = `${turn}.rest`;
    if (!(await outbox.has(id)))
      await say([
        {
          id,
          text: restWords(`${publicUrl}/page/${token}`),
        },
      ]);
    return 'This turn has sent as many messages as it may, so this went to a page that the person has a link to. Send nothing more; say what matters in your answer.';
  };

  const addressOf = async (file: NamedFile): Promise<string> =>
    `${publicUrl}/media/${(await files.put(file.bytes, file, conversation)).token}`;

  const toReply = async (
    { text, media, link }: Piece,
    id: string,
  ): Promise<{ id: string; text: string; file?: StoredFile }> => {
    const file = media && (await files.put(media.bytes, media, conversation));
    const address = link && `${link.label}: ${await addressOf(link.file)}`;
    return {
      id,
      text: [text, address ?? ''].filter((line) => line !== '').join('\n'),
      ...(file ? { file } : {}),
    };
  };

  const sendFile = async (input: {
    path: string;
    caption?: string | undefined;
  }): Promise<string> => {
    const file = path.resolve(workspace, input.path);
    const bytes = await createAgentFiles(home.user).read(file, largestFile);
    if (bytes.byteLength === 0) return 'That file is empty, so it was not sent.';
    // Identified by its content: the same picture is sent only once per turn.
    const id = `${turn}.file.${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
    if (await outbox.has(id)) return 'That file was sent already.';
    const name = nameForPerson(file);
    const { pieces, told } = await planSending(
      media.reader,
      { name, bytes },
      input.caption ?? '',
      signal,
    );
    if (!(await quota.take(pieces.length))) {
      const type =
        pieces.find(({ media }) => media)?.media?.type ??
        pieces.find(({ link }) => link)?.link?.file.type ??
        'application/octet-stream';
      return await addToPage(
        id,
        `${input.caption ?? ''}\n\n[${name.replaceAll(/[[\]\\]/g, '\\$&')}](${await addressOf({ bytes, name, type })})`,
      );
    }
    const replies = [];
    for (const [index, piece] of pieces.entries())
      replies.push(await toReply(piece, index === 0 ? id : `${id}.${index + 1}`));
    await say(replies);
    return told;
  };

  const guarded = async (work: () => Promise<string>): Promise<string> => {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return 'This turn has ended, so nothing was sent.';
      if (error instanceof FencedError)
        return 'This turn was taken over by another worker. Stop working now.';
      if (error instanceof FileProblem) return fileSentences[error.kind](error.file);
      if (error instanceof FileStoreFullError)
        return 'Not sent: the room for this person’s files is used up. It is free again at most four hours after they were sent. Tell the person, or make the file smaller.';
      if (error instanceof MemoryFullError)
        return 'Not sent: the memory for messages and files is nearly full, so no new file can be kept at the moment. Tell the person so; text still arrives.';
      return `It could not be sent: ${reportError(error).message}`;
    }
  };

  return {
    sendFile: (input) => guarded(() => sendFile(input)),
    sendMessage: ({ text, callId }) =>
      guarded(async () => {
        const { parts: texts } = await writeForChat(text);
        if (texts.length === 0) return 'The text is empty, so nothing was sent.';
        if (!(await quota.take(texts.length))) return await addToPage(`${turn}.${callId}`, text);
        await say(
          texts.map((part, index) => ({ id: `${turn}.${callId}.${index + 1}`, text: part })),
        );
        return 'Sent.';
      }),
  };
}

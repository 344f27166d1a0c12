import { parseJson } from '../../shared/runtime/json.ts';
import { cut } from '../../shared/runtime/cut.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { Conversations } from '../../shared/store/conversation.ts';
import type { Allowed } from '../../shared/store/allowed.ts';
import { WatchDetail } from '../../shared/store/links/watch-link.ts';
import type { Link } from '../../shared/store/links/links.ts';
import { stopButton } from '../../shared/store/message.ts';
import type { TurnRecords } from '../../shared/store/turns/records.ts';
import type { LinkForm, LinkHandler } from '../links/link-handler.ts';
import { turnTitle } from '../admin/turns/message-title.ts';
import { html } from '../admin/frame/html.ts';
import type { Html } from '../admin/frame/html.ts';
import { sendPicture } from './send-picture.ts';
import { isUnderWay, turnParts } from './turn-view.ts';
import type { Part, TurnLook } from './turn-view.ts';
import { watchFirstPage, watchGonePage, watchPage } from './watch-page.ts';
import type { TurnNow, WatchedTurns } from './watched-turns.ts';

export type WatchLinkDeps = {
  watched: WatchedTurns;
  /** The conversation of a turn; undefined for an unknown one. */
  conversationOf: (turn: string) => Promise<string | undefined>;
  records: Pick<TurnRecords, 'picture'>;
  outbox: Pick<Outbox, 'put' | 'has'>;
  allowed: Pick<Allowed, 'has'>;
  /** How the person sees a turn. */
  lookOf: PersonLook;
  /** Wakes the worker if needed. */
  look: () => void;
  /** How long a browser keeps the cookie of a page (seconds). */
  cookieSeconds: number;
};

/** How often the chat asks whether to stop (ms): once in this time for one turn. */
const askMs = 10 * 60_000;

/** The id of the question whether to stop. */
const stopQuestion = (turn: string, now: number): string =>
  `${turn}.stop-asked.${Math.floor(now / askMs)}`;

export type PersonLook = (now: TurnNow) => Promise<TurnLook>;

/** How the person of a turn sees it; pictures are parts of the page's own address. */
export function createPersonLook({
  outbox,
  conversations,
  background,
  isPretend,
}: {
  outbox: Pick<Outbox, 'has'>;
  conversations: Pick<Conversations, 'read'>;
  background: { list(conversation: string): Promise<{ id: string }[]> };
  isPretend: boolean;
}): PersonLook {
  return async ({ story: { turn }, record }) => {
    const now = Date.now();
    const { id, conversation } = turn;
    const [{ timezone }, isAsked, tasks] = await Promise.all([
      conversations.read(conversation),
      outbox.has(stopQuestion(id, now)),
      record.tasks.length > 0 ? background.list(conversation) : [],
    ]);
    return {
      now,
      zone: timezone ?? 'UTC',
      isPretend,
      owner: false,
      picture: (entry) => `?picture=${entry}`,
      stop: stopForm(isAsked),
      runningTasks: new Set(tasks.map((task) => task.id)),
    };
  };
}

/** The page does not act: its Stop has the chat ask. */
function stopForm(isAsked: boolean): Html {
  return isAsked
    ? html`<p class="soft small" role="status">I have asked you in the chat: confirm it there.</p>`
    : html`<form method="post"><input type="hidden" name="do" value="stop"><button>Stop</button></form>`;
}

/** The pieces of a turn's page as its person sees it. */
export function createPersonParts(lookOf: PersonLook): (now: TurnNow) => Promise<Part[]> {
  return async (now) => turnParts(now.story, now.record, await lookOf(now));
}

/** Links to the live page of a turn: they show it, and act on nothing. */
export function createWatchLinks(deps: WatchLinkDeps): LinkHandler {
  const { watched, conversationOf, records, outbox, allowed, lookOf, look, cookieSeconds } = deps;
  /** The turn of a link, if it is of the link's conversation and that person may still write. */
  const turnOf = async ({ detail }: Link): Promise<string | undefined> => {
    const asked = WatchDetail.safeParse(parseJson(detail)).data;
    if (!asked || !(await allowed.has(asked.conversation))) return undefined;
    return (await conversationOf(asked.turn)) === asked.conversation ? asked.turn : undefined;
  };
  const readTurn = async (link: Link): Promise<TurnNow | undefined> => {
    const turn = await turnOf(link);
    return turn === undefined ? undefined : await watched.read(turn);
  };
  const askToStop = async ({ story }: TurnNow): Promise<void> => {
    if (!isUnderWay(story)) return;
    const { id, conversation } = story.turn;
    const text = `You tapped Stop on the page of “${cut(turnTitle(story.turn, 'my work'), 60)}”. Shall I stop it?`;
    const items = [
      { id: stopButton(id), title: 'Stop it' },
      { id: '/go-on', title: 'Go on' },
    ];
    const choices = { kind: 'buttons' as const, items };
    const reply = { id: stopQuestion(id, Date.now()), conversation, turn: id, text, choices };
    await outbox.put([{ ...reply, aside: true, urgent: true }]);
    look();
  };
  return {
    cookieSeconds,
    page: async () => watchFirstPage(),
    isWhole: (form: LinkForm) => form.size === 0 || form.get('do') === 'stop',
    async take(link, form) {
      const now = await readTurn(link);
      if (now && form.get('do') === 'stop') await askToStop(now);
      return now !== undefined;
    },
    async done(link) {
      const now = await readTurn(link);
      if (!now) return watchGonePage();
      const shown = await lookOf(now);
      const until = new Date(Date.now() + cookieSeconds * 1000);
      return watchPage(now, turnParts(now.story, now.record, shown), shown, until);
    },
    async serve(link, request, response, isMine) {
      const { live, picture } = request.query;
      if (live === undefined && picture === undefined) return false;
      const turn = await turnOf(link);
      if (turn === undefined || request.method !== 'GET') response.status(404).end();
      else if (picture === undefined)
        await watched.follow({
          turn,
          from: numberOf(request.get('last-event-id') ?? live),
          response,
          mayLook: async () => (await isMine()) && (await turnOf(link)) !== undefined,
        });
      else sendPicture(response, await records.picture(turn, numberOf(picture)));
      return true;
    },
  };
}

/** A number in an address or a header; 0 for anything else. */
function numberOf(value: unknown): number {
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : 0;
}

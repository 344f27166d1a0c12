import type { Log } from '../../shared/runtime/log.ts';
import type { Link } from '../../shared/store/links/links.ts';
import { leastSecret, mostSecretBytes } from '../../shared/store/links/secret-link.ts';
import { NoPlaceError } from '../secrets/kept-directory.ts';
import type { SecretDesk } from '../secrets/secret-desk.ts';
import { readSecretName } from '../secrets/secret-name.ts';
import type { NameFault } from '../secrets/secret-name.ts';
import { mostSecrets } from '../secrets/secrets.ts';
import type { SetOutcome } from '../secrets/secrets.ts';
import type { Command } from './command.ts';
import { agoInWords } from './format-age.ts';

const faultWords: Record<NameFault, (name: string) => string> = {
  form: () => 'A name has letters, digits and _, and begins with a letter, such as GITHUB_TOKEN.',
  reserved: (name) =>
    `${name.toUpperCase()} changes how programs run, so it cannot be a secret. Please choose another name.`,
};

/** Secrets of the person: entered on a page, listed by name, removed. */
export const secretCommands: Command[] = [
  {
    pattern: /^\/secret(?:\s+(.+))?$/is,
    help: { usage: '/secret GITHUB_TOKEN', does: 'a page to enter a key that my commands need' },
    anytime: true,
    async run({ stores: { secrets } }, { message: { conversation }, argument, context: { log } }) {
      const [, given = '', rest = ''] = /^([^\s=:]*)[\s=:]*(.*)$/s.exec(argument) ?? [];
      if (given === '')
        return 'Text “/secret” with a name, such as “/secret GITHUB_TOKEN”, and I send you a page to enter the value on.';
      const { name, fault } = readSecretName(given);
      const isTold = rest !== '';
      const known = isTold
        ? 'That value is in this chat and at Twilio now, so please treat it as known to others. I have not kept it. '
        : '';
      if (fault) return `${known}${faultWords[fault](given)}`;
      return await withPlace(log, async () => {
        const url = await secrets.ask(conversation, name);
        const enter = isTold
          ? `Make a new one if you can, and enter ${name} on this page:`
          : `Enter ${name} on this page, not in the chat:`;
        const shared = secrets.isShared(name)
          ? ` Everybody here shares a ${name}; yours replaces it in what I do for you.`
          : '';
        return `${known}${enter}\n${url}\nThe link works once, for 15 minutes.${shared}`;
      });
    },
  },
  {
    pattern: /^\/secrets(?:\s+(.+))?$/is,
    help: { usage: '/secrets', does: 'which of them are set, and how to remove one' },
    anytime: true,
    async run({ stores: { secrets } }, { message: { conversation }, argument, context: { log } }) {
      if (argument === '') return await withPlace(log, () => listSecrets(secrets, conversation));
      const wanted = /^(?:remove|delete)\s+(\S+)$/i.exec(argument)?.[1]?.toUpperCase();
      if (wanted === undefined)
        return 'Text “/secrets” for the list, or “/secrets remove NAME” to remove one.';
      return await withPlace(log, async () => {
        if (!(await secrets.remove(conversation, wanted)))
          return `There is no secret of yours with that name. /secrets lists them.`;
        return secrets.isShared(wanted)
          ? `${wanted} is removed. From now on you use the shared one again.`
          : `${wanted} is removed.`;
      });
    },
  },
  {
    pattern: /^\/links(?:\s+(.+))?$/is,
    help: { usage: '/links', does: 'pages of yours that are still open, and how to close them' },
    anytime: true,
    async run({ stores: { secrets } }, { message: { conversation }, argument }) {
      const open = await secrets.openLinks(conversation);
      if (argument === '') {
        if (open.length === 0) return 'No page of yours is open.';
        const lines = open.map((link, index) => `${index + 1}. ${linkWords(link)}`);
        return `${lines.join('\n')}\n\nText “/links close 1” to close number 1, or “/links close all”.`;
      }
      const which = /^(?:close|revoke)\s+(?:#?(\d{1,3})|(all))$/i.exec(argument);
      if (!which) return 'Text “/links” for the list, or “/links close 1” to close number 1.';
      const chosen = which[2] === undefined ? open.slice(Number(which[1]) - 1).slice(0, 1) : open;
      const closed = await secrets.revokeLinks(
        conversation,
        Number(which[1]) === 0 ? [] : chosen.map(({ id }) => id),
      );
      if (closed === 0) return 'There is no such page. /links lists them.';
      return closed === 1 ? 'Closed. That link leads nowhere now.' : `Closed ${closed} pages.`;
    },
  },
];

/** A link in the list of a person's links. */
function linkWords({ purpose, object, expires, isFollowed }: Link): string {
  const minutes = Math.max(Math.ceil((expires.getTime() - Date.now()) / 60_000), 1);
  if (purpose === 'export') return `The copy of our conversation, for ${minutes} more min`;
  if (purpose === 'secret') return `The page to enter ${object}, for ${minutes} more min`;
  return isFollowed
    ? `The page of my work on “${object}”, open in your browser`
    : `The page of my work on “${object}”, not opened yet, for ${Math.ceil(minutes / 60)} more h`;
}

/** Takes in what was entered on a page; not written by a person. */
export const takeSecret: Command = {
  pattern: /^$/,
  anytime: true,
  async run({ stores: { secrets } }, { message: { conversation, sealed = '' }, context: { log } }) {
    return await withPlace(log, async () => {
      const taken = await secrets.take(conversation, sealed);
      if (taken.outcome === 'gone')
        return 'What you entered did not reach your computer in time, and is gone. Text “/secret” with its name for a new page.';
      return outcomeWords(taken.name, taken.outcome, secrets.isShared(taken.name));
    });
  },
};

async function listSecrets(secrets: SecretDesk, conversation: string): Promise<string> {
  const own = await secrets.list(conversation);
  const lines = own.map(
    ({ name, setAt }) => `- ${name}, set ${agoInWords(setAt.getTime(), Date.now())}`,
  );
  const shared = secrets.shared
    .filter((name) => !own.some((secret) => secret.name === name))
    .map((name) => `- ${name}, shared by everybody here`);
  const how =
    own.length === 0
      ? 'Text “/secret GITHUB_TOKEN” to enter one on a page, or any other name.'
      : `Text “/secret NAME” to enter one, and “/secrets remove ${own[0]?.name ?? 'NAME'}” to remove one.`;
  const list = [...lines, ...shared];
  return list.length === 0 ? `No secret is set. ${how}` : `${list.join('\n')}\n\n${how}`;
}

function outcomeWords(name: string, outcome: SetOutcome, isShared: boolean): string {
  switch (outcome) {
    case 'set':
      return isShared
        ? `${name} is set. For you it replaces the one shared by everybody here.`
        : `${name} is set. My commands can use it from now on.`;
    case 'short':
      return `${name} is not set: it has fewer than ${leastSecret} characters, too few for me to hide it where it is printed.`;
    case 'long':
      return `${name} is not set: it is longer than ${mostSecretBytes / 1024} kB.`;
    case 'odd':
      return `${name} is not set: it is not text.`;
    case 'many':
      return `${name} is not set: you have ${mostSecrets} secrets already, and no more fit. /secrets says how to remove one.`;
    case 'unreadable':
      return `${name} is not set: it was encrypted for another computer. Text “/secret ${name}” for a new page.`;
    default:
      return outcome satisfies never;
  }
}

/** Says so where the worker has no directory of its own. */
async function withPlace(log: Log, step: () => Promise<string>): Promise<string> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof NoPlaceError)) throw error;
    log.error(
      { err: error },
      'secrets cannot be kept: DATA_DIR has no directory of the worker’s own',
    );
    return 'I cannot keep secrets on this computer: it has no place that only I can read. Its log says why.';
  }
}

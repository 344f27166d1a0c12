import { expect, test } from 'vitest';
import { findCommand } from '../../worker/commands/find-command.ts';
import { beginsAnew, nextStep } from '../../worker/turn/next-step.ts';
import { withoutPrefix } from '../../worker/turn/format-messages.ts';
import { isStop } from '../../worker/turn/stop.ts';
import { anyStopWord, readStop } from '../../worker/turn/stop-words.ts';
import type { Message } from '../../shared/store/message.ts';

const message = (text: string, change: Partial<Message> = {}): Message => ({
  id: 'SM1',
  conversation: '+15551230001',
  at: '2026-01-31T12:00:00.000Z',
  text,
  media: [],
  human: true,
  ...change,
});

/** Ways to say stop, in fifteen languages and by signs. */
const stops = `
stop | Stop | STOP | stop. | stop! | stop!! | /stop | /Stop | /stop now | /stop it please
please stop | Please, stop! | stop please | stop it | stop it please | stop now | stop everything | just stop | ok stop | stop that now
cancel | cancel it | cancel everything please | abort | abort now | halt | quit it | /stop the server and all else
stopp | Stopp bitte | bitte abbrechen | sofort anhalten | alles abbrechen
arrête | arrêtez svp | arrete tout | para | para ya | detente por favor | basta
ferma tutto | fermati subito | pare agora | parar tudo | stoppen alsjeblieft | zatrzymaj teraz | przestań proszę
dur | hemen durdur | стоп | остановись пожалуйста | хватит
hör auf | Hör auf bitte! | hou op | arrête ça tout de suite | arrête, s’il te plaît | Stoppp | STOOOP!!
ＳＴＯＰ | ｓｔｏｐ！ | Ｓｔｏｐ ｎｏｗ | توقف | توقف من فضلك | रुको | बंद करो | 停止 | 请停止 | やめて | ストップ | 멈춰 | 🛑 | 🛑🛑 | ⏹️ | ⛔ stop
`;
/** Fifty texts that are work, some with such a word in them. */
const work = `
cancel the subscription form | add a stop button to the player | why does the server halt after an hour
the bus stop list is empty, look at it | abbrechen-Button in den Dialog einbauen bitte | para mañana quiero un informe
never stop the server while it migrates the data | make the tests pass | please look at the login page | hello | yes | no | 2
non-stop flights are missing | stopwatch is wrong by a second | unstoppable | nonstop | quit the editor mode in vim config
please explain what abort does here | is there a way to cancel a subscription | the deploy was aborted, why | halted jobs are red
which para in the text is the longest one here | basta pasta recipe page is broken on the phone today
fermata symbol is drawn wrong | parar de enviar e-mails quando o usuário sai do grupo | stoppen-Regel in der Firewall erklären
durdurma düğmesi ekle | hastane durağı sayfasını aç | остановка автобуса на карте | отменаем скидки в корзине
annuleringsformulier nakijken | przestankowanie w tekście popraw | alto adige page | halting problem | full-stop rule
cancellation policy page | cancelled orders | stops at the third step of the wizard, look at it | a pare of shoes
hör aufmerksam zu und fasse es zusammen | 取消按钮坏了 | 停车场页面坏了 | ＳＴＯＰボタンを直してください | やめてほしい機能の一覧 | 그만큼 느려요 | 👍 | ✋ | don't stop | please do not stop | Don’t stop!
now please look at it | please | now | it | all | ok | thanks | that | por favor | bitte | merci | grazie
`;
const lines = (text: string): string[] =>
  text
    .split(/[|\n]/)
    .map((line) => line.trim())
    .filter(Boolean);

test('more than fifty ways to say stop are a stop, in any spelling of theirs', () => {
  expect(lines(stops).length).toBeGreaterThanOrEqual(50);
  expect(lines(stops).filter((text) => readStop(text) !== 'stop')).toEqual([]);
  expect(lines(stops).filter((text) => !anyStopWord.test(text))).toEqual([]);
  const decomposed = 'arrête'.normalize('NFD');
  expect([readStop(decomposed), anyStopWord.test(decomposed)]).toEqual(['stop', true]);
});

test('fifty texts that are work are none', () => {
  expect(lines(work).length).toBeGreaterThanOrEqual(50);
  expect(lines(work).filter((text) => readStop(text) === 'stop')).toEqual([]);
  expect(lines(work).filter((text) => readStop(text) === 'maybe')).toEqual([]);
});

test('a stop word at either end of up to eight words is asked about', () => {
  const unclear = [
    'stop the dev server',
    'I think you should stop',
    'hey wait, halt',
    'stop doing the thing with the tests',
  ];
  expect(unclear.filter((text) => readStop(text) !== 'maybe')).toEqual([]);
  expect(readStop('stop doing the thing with the tests and commit it')).toBeUndefined();
  expect(readStop('stop it all right now please')).toBe('maybe');
  expect(readStop('/deploy stop')).toBeUndefined();
  expect(readStop(`stop ${' '.repeat(300)}`)).toBeUndefined();
});

test('while a question is open a word that may answer it is no stop, and a tap stops by its id only', () => {
  expect(['cancel', 'basta', 'quit'].map((text) => isStop(message(text), true))).toEqual([
    false,
    false,
    false,
  ]);
  expect(['stop', 'please stop', '/stop'].map((text) => isStop(message(text), true))).toEqual([
    true,
    true,
    true,
  ]);
  expect(isStop(message('Stop', { choice: { id: 'turn.ask.1', title: 'Stop' } as never }))).toBe(
    false,
  );
  expect(isStop(message('Stop', { choice: { id: '/stop', title: 'Stop' } as never }))).toBe(true);
  expect(isStop(message('stop', { human: false }))).toBe(false);
});

test('while nothing runs “cancel it” is a request, and “please stop” says that nothing runs', () => {
  const stepOf = (text: string, busy: boolean): string | undefined =>
    nextStep([message(text)], {
      taken: new Set(),
      busy,
      question: undefined,
      session: undefined,
      quoted: () => undefined,
      tapSentence: () => undefined,
    })?.kind;
  expect([stepOf('cancel it', false), stepOf('please stop', false)]).toEqual(['prompt', 'command']);
  // The running turn ends by its own watch.
  expect([stepOf('cancel it', true), stepOf('please stop', true)]).toEqual([undefined, undefined]);
});

test('a fresh conversation begins with the text behind /new, /clear or /reset', () => {
  for (const text of ['/new look at x', '/clear look at x', '/NEW look at x', '/reset look at x']) {
    expect(findCommand(message(text), true)).toBeUndefined();
    expect(beginsAnew(message(text))).toBe(true);
    expect(withoutPrefix(message(text)).text).toBe('look at x');
  }
  const isCommand = (text: string): boolean => findCommand(message(text), true) !== undefined;
  expect(['/new', '/clear', '/reset', '/new please'].filter((text) => !isCommand(text))).toEqual(
    [],
  );
  expect(beginsAnew(message('/new look', { human: false }))).toBe(false);
  expect(withoutPrefix(message('/queue /new look')).text).toBe('look');
});

test('a sentence that begins with a slash is said to Claude at once, and a command waits', () => {
  const isSaid = (text: string): boolean =>
    nextStep([message(text)], {
      taken: new Set(),
      busy: true,
      question: undefined,
      session: undefined,
      quoted: () => undefined,
      tapSentence: () => undefined,
    })?.kind === 'prompt';
  expect(['/etc/hosts is broken', '/', '/usr/bin', '/2 more', '//x'].map(isSaid)).toEqual(
    Array.from({ length: 5 }, () => true),
  );
  expect(
    ['/compact', '/review 12', '/mcp:tool x', '/queue fix it', '\u200f/compact\u200f'].map(isSaid),
  ).toEqual(Array.from({ length: 5 }, () => false));
});

test('courtesy behind a command is understood, and a misspelt one is asked about', async () => {
  const usage = (text: string): string | undefined =>
    findCommand(message(text), true)?.command.help?.usage;
  expect(
    ['/status please', '/status.', '/verbose on', '/cost', '/usage', '/quiet off'].map(usage),
  ).toEqual(['/status', '/status', '/verbose', '/cost', '/cost', '/verbose']);
  expect(['/ status', '／status', '／ Cost', 'please retry', 'Retry, please!'].map(usage)).toEqual([
    '/status',
    '/status',
    '/cost',
    '/retry',
    '/retry',
  ]);
  // With the marks of direction that phones put around a text.
  expect(
    ['\u200e/status', '\u2068/cost\u2069', '/retry\u200b', '/verbose\ufe0f'].map(usage),
  ).toEqual(['/status', '/cost', '/retry', '/verbose']);
  const argument = (text: string): string | undefined => findCommand(message(text), true)?.argument;
  expect(
    ['/schedules list', '/secrets show', '/links list', '/permissions all', '/links close all'].map(
      argument,
    ),
  ).toEqual(['', '', '', 'all', 'close all']);
  expect(argument('/schedules cancel #1 right now please!')).toBe('cancel #1');
  expect(argument('/secret GITHUB_TOKEN please')).toBe('GITHUB_TOKEN');
  expect(
    ['/model claude opus 5.5', '/model opus please', '/model gpt 4', '/effort extra high'].map(
      argument,
    ),
  ).toEqual(['claude opus 5.5', 'opus', 'gpt 4', 'extra high']);
  const isQuiet = (text: string): boolean =>
    findCommand(message(text), true)?.command.pattern.exec('/quiet') !== null;
  expect(['/quiet now', '/verbose off', '/quiet'].map(isQuiet)).toEqual([true, true, true]);
  expect(findCommand(message('help'), true)).toBeDefined();
  expect(findCommand(message('help'), false)).toBeUndefined();
  const meant = async (text: string): Promise<unknown> =>
    await findCommand(message(text), true)?.command.run({} as never, {} as never);
  const about = (name: string) => ({
    text: `Did you mean /${name}?`,
    choices: { kind: 'buttons', items: [{ id: `/${name}`, title: `/${name}` }] },
  });
  expect(await meant('/hlep')).toEqual(about('help'));
  expect(await meant('/statsu')).toEqual(about('status'));
  expect(await meant('/costs')).toEqual(about('cost'));
  expect(await meant('/session')).toEqual(about('sessions'));
  expect(await meant('/schedule')).toEqual(about('schedules'));
  const others = [
    '/compact',
    '/context',
    '/review',
    '/init',
    '/deploy now',
    '/etc/hosts is wrong',
    '/rename',
    'statsu',
    '/queue fix',
    '/new look',
    '/model the data as a graph',
    '/effort estimate for this',
  ];
  expect(others.filter((text) => findCommand(message(text), true) !== undefined)).toEqual([]);
});

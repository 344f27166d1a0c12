import type { SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import { describe, expect, test } from 'vitest';
import { createTranslator } from '../../worker/agent/claude/translate.ts';
import { savedPicture } from '../../worker/agent/claude/saved-picture.ts';
import { asksToSee } from '../../worker/tools/asked-to-see.ts';
import { createScreenshots } from '../../worker/tools/screenshots.ts';

const shot = '/data/images/page-2026-01-31T09-00-00-000Z.png';
const result = (line: string): object[] => [
  {
    type: 'text',
    text: `### Result\n${line}\n### Ran Playwright code\n\`\`\`js\n// Screenshot viewport and save it as ${shot}\nawait page.screenshot({ path: '${shot}' });\n\`\`\``,
  },
  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
];

describe('what a tool has saved', () => {
  test.each([
    [`- [Screenshot of viewport](${shot})`, shot],
    [`- [Screenshot of full page](/data/my work/named (2).png)`, '/data/my work/named (2).png'],
    [`- [Screenshot of Save] button (red)](${shot})`, shot],
    ['- [Screenshot of viewport](../relative.png)', undefined],
    [`- [Snapshot](${shot})`, undefined],
    [`see [Screenshot of viewport](${shot})`, undefined],
  ])('%s', (line, path) => {
    expect(savedPicture(result(line))).toBe(path);
  });

  test('is found in any form that a result has', () => {
    expect(savedPicture(`- [Screenshot of viewport](${shot})`)).toBe(shot);
    for (const content of [undefined, null, 7, [], [null, { type: 'image' }]])
      expect(savedPicture(content)).toBeUndefined();
  });

  test('is told as an event after the tool’s end, of that tool alone', () => {
    const { translate } = createTranslator();
    const message = (fields: object): SDKMessage =>
      ({
        parent_tool_use_id: null,
        session_id: 's',
        uuid: crypto.randomUUID(),
        ...fields,
      }) as unknown as SDKMessage;
    const call = (id: string, name: string) =>
      message({
        type: 'assistant',
        message: { role: 'assistant', content: [{ type: 'tool_use', id, name, input: {} }] },
      });
    const back = (id: string) =>
      message({
        type: 'user',
        message: {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: id,
              content: result(`- [Screenshot of viewport](${shot})`),
            },
          ],
        },
      });
    const events = [
      call('a', 'mcp__playwright__browser_take_screenshot'),
      back('a'),
      call('b', 'Read'),
      back('b'),
      back('a'),
    ]
      .flatMap(translate)
      .filter(({ kind }) => kind !== 'alive' && kind !== 'tool');
    expect(events).toEqual([
      expect.objectContaining({ kind: 'tool-end', id: 'a', failed: false }),
      { kind: 'picture', path: shot },
      expect.objectContaining({ kind: 'tool-end', id: 'b', failed: false }),
      expect.objectContaining({ kind: 'tool-end', id: 'a', failed: false }),
    ]);
  });
});

describe('the screenshots of a turn', () => {
  /** Notes the events, then says what is sent when the person has said `asked`. */
  async function sent(asked: string, events: (string | { chosen: string })[]): Promise<string[]> {
    const paths: string[] = [];
    const screenshots = createScreenshots({
      sendFile: async ({ path }) => {
        paths.push(path);
        return 'Sent.';
      },
    });
    for (const event of events) {
      if (typeof event === 'string') screenshots.note({ kind: 'picture', path: event });
      else
        screenshots.note({
          kind: 'tool',
          id: 't',
          name: 'mcp__whatsapp__send_file',
          summary: event.chosen,
          timeoutMs: undefined,
        });
    }
    await screenshots.sendUnsent([asked]);
    await screenshots.sendUnsent([asked]);
    return paths;
  }

  test('are sent once, the last three, when something to see was asked for', async () => {
    expect(await sent('a screenshot please', ['/1.png', '/2.png'])).toEqual(['/1.png', '/2.png']);
    expect(
      await sent('a screenshot please', ['/1.png', '/2.png', '/3.png', '/4.png', '/2.png']),
    ).toEqual(['/3.png', '/4.png', '/2.png']);
    expect(await sent('fix the login', ['/1.png'])).toEqual([]);
    expect(await sent('a screenshot please', [])).toEqual([]);
  });

  test('are left to Claude once it has chosen one', async () => {
    expect(
      await sent('a screenshot please', [
        '/shots/1.png',
        '/shots/2.png',
        { chosen: '/shots/2.png' },
      ]),
    ).toEqual([]);
    expect(
      await sent('a screenshot please', [
        '/shots/1.png',
        { chosen: 'shots/1.png' },
        '/shots/2.png',
      ]),
    ).toEqual(['/shots/2.png']);
    expect(
      await sent('a screenshot and the log please', [
        '/shots/1.png',
        { chosen: '/repo/build.log' },
      ]),
    ).toEqual(['/shots/1.png']);
  });
});

describe('whether somebody wants to see something', () => {
  test.each([
    'take a screenshot of http://127.0.0.1:4040',
    'Screen shot pls',
    'show me the page',
    'can you send me a picture of it?',
    'what does the login page look like now?',
    'what it looks like on mobile',
    'how does the page look?',
    'let me see',
    'pic?',
    'Mach mal ein Bildschirmfoto',
    'Zeig mir die Seite',
    'Wie sieht die Seite aus?',
    'schick ein Bild',
    'une capture d’écran s’il te plaît',
    'montre-moi la page',
    'haz una captura',
    'muéstrame la página',
    'mándame una imagen',
    'captura de tela',
    'fammi vedere',
    'laat me zien',
    'zrób zrzut ekranu',
    'сделай скриншот',
    'покажи страницу',
    'ekran görüntüsü al',
    'スクリーンショットを撮って',
    '截图给我',
    '截圖給我',
    '스크린샷 보내줘',
    'أرسل لقطة شاشة',
    'स्क्रीनशॉट भेजो',
    'there is no picture on the page: take a screenshot',
    'don’t send a text, send a screenshot',
  ])('%s', (text) => {
    expect(asksToSee([text])).toBe(true);
  });

  test.each([
    'fix the login page',
    'run the tests',
    'look at the deploy log',
    'is it deployed?',
    'without a screenshot, please check the page',
    'check it, no screenshots please',
    'don’t send me pictures, just tell me',
    'prüf die Seite, ohne Bilder',
    'what is the topic of this repository?',
    'read docs/phone-photo.txt',
    'Bildung',
    '',
    'typic',
  ])('not: %s', (text) => {
    expect(asksToSee([text])).toBe(false);
  });

  test('one text among several is enough', () => {
    expect(asksToSee(['fix it', 'and show me'])).toBe(true);
    expect(asksToSee([])).toBe(false);
  });
});

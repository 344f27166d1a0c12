import { describe, expect, test } from 'vitest';
import type { Answer } from '../../simulator/model/answer.ts';
import {
  parseConversation,
  type ConversationView,
} from '../../simulator/model/conversation-view.ts';
import { parseMessagesRequest } from '../../simulator/model/messages-request.ts';
import { writeMarkdown } from '../../simulator/model/stories/long-answer.ts';
import { findAddress } from '../../simulator/model/stories/screenshot.ts';
import { tellStory } from '../../simulator/model/stories/stories.ts';
import { planWork } from '../../simulator/model/stories/work.ts';

const STEERED =
  'The user sent a new message while you were working:\nTEXT\n\nThis is how Claude Code surfaces messages the user sends mid-turn. Address the message above as you continue this turn.';

function steered(text: string): string {
  return STEERED.replace('TEXT', text);
}

function view(messages: unknown[], system = ''): ConversationView {
  return parseConversation(parseMessagesRequest(JSON.stringify({ model: 'm', system, messages })));
}

function user(content: unknown) {
  return { role: 'user', content };
}

function assistant(content: unknown) {
  return { role: 'assistant', content };
}

/**
 * A turn in which each tool was called and gave back the text beside it; a text that begins with
 * `!` is an error.
 */
function turn(asked: string, results: [name: string, text: string][] = []): ConversationView {
  const exchanged = results.flatMap(([name, text], index) => [
    assistant([{ type: 'tool_use', id: `t${index}`, name, input: {} }]),
    user([
      {
        type: 'tool_result',
        tool_use_id: `t${index}`,
        content: text.replace(/^!/, ''),
        is_error: text.startsWith('!'),
      },
    ]),
  ]);
  return view([user(asked), ...exchanged], 'Primary working directory: /home/agent/w\n');
}

function tell(seen: ConversationView): Answer {
  return tellStory(seen, { quiet: true });
}

function words(seen: ConversationView): string {
  return tell(seen)
    .map((block) => {
      if (block.type === 'text') return block.text;
      return block.type === 'tool_use' ? `<${block.name}>` : '';
    })
    .join('');
}

test('a command is left in the background, and its end is told by itself', () => {
  const asked = 'in the background: sleep 20';
  expect(tell(turn(asked))).toMatchObject([
    { name: 'Bash', input: { command: 'sleep 20', run_in_background: true } },
  ]);
  expect(words(turn(asked, [['Bash', 'Command running in background']]))).toContain(
    '`sleep 20` runs in the background',
  );
  const notice =
    '<task-notification>\n<task-id>b1</task-id>\n<summary>“sleep 20” completed</summary>\n</task-notification>';
  expect(words(turn(notice))).toBe('It has ended: “sleep 20” completed');
  // Together with a text of the person, that text is what the turn is about.
  expect(
    words(
      view([
        user([
          { type: 'text', text: notice },
          { type: 'text', text: 'say hi' },
        ]),
      ]),
    ),
  ).toBe('hi');
});

test('a refusal is answered in words for the person, and a silent command says so', () => {
  const no = 'The person said no. Do not try it in another way; say what you would need.';
  const yarn = 'The person said no: “no, use yarn”. Do what they say; do not try the same again.';
  const late = 'The person did not answer in time, which means no. Go on without it.';
  const asked = ['run: npm i', 'in the background: sleep 9', 'write a.txt', 'screenshot of a.io'];
  for (const text of asked) {
    expect(words(turn(text, [['Tool', `!${no}`]]))).toBe('All right, I leave it.');
    expect(words(turn(text, [['Tool', `!${yarn}`]]))).toBe(
      'All right, I leave it, since you said “no, use yarn”.',
    );
    expect(words(turn(text, [['Tool', `!${late}`]]))).toBe(
      'I had no answer from you, so I left it.',
    );
  }
  expect(words(turn('run: npm i', [['Bash', '!exit code 1']]))).toContain('failed');
  expect(words(turn('run: true', [['Bash', '(Bash completed with no output)']]))).toBe(
    '`true` ran and printed nothing.',
  );
});

test('neither a summary nor a command of Claude Code’s is repeated to the person', () => {
  const summary = 'This session is being continued from a previous conversation that ran out …';
  expect(words(view([user(summary), user('/restart'), user('say hi')]))).toBe('hi');
  expect(words(view([user('a word'), user('say hi')]))).toContain('You also said: “a word”');
  const file = '[The person sent a file of type audio/mp4; it is at /home/w/inbox/1.m4a]';
  expect(words(view([user(file), user('say hi')]))).toContain('I also received this: audio file.');
});

describe('the view of a conversation', () => {
  test('keeps the words of the person and drops what was put around them', () => {
    const seen = view([
      user([
        { type: 'text', text: '<system-reminder>\nAttribution\n</system-reminder>\n' },
        { type: 'text', text: '[from +15550001, 10:30]\n<message>\nsay <b>hi</b>\n</message>' },
        { type: 'image', source: {} },
        { type: 'text', text: '[Image: source: /tmp/1.png]' },
        { type: 'document', source: {} },
      ]),
      {
        role: 'system',
        content: '# Environment\n - Primary working directory: /home/me/w\n - Platform: linux',
      },
    ]);
    expect(seen.texts).toEqual([{ text: 'say <b>hi</b>', steering: false }]);
    expect(seen.media).toEqual({ images: 1, documents: 1 });
    expect(seen.cwd).toBe('/home/me/w');
    expect(seen.answersBefore).toBe(0);
  });

  test('keeps a text that is nothing but a bracketed line', () => {
    expect(view([user('[1]')]).texts).toEqual([{ text: '[1]', steering: false }]);
  });

  test('finds steering in a system message, in a reminder and beside a tool result', () => {
    const seen = view([
      user('work for 9 seconds'),
      assistant([{ type: 'tool_use', id: 't', name: 'Bash', input: { command: 'echo 1' } }]),
      user([
        { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: '1' }] },
        { type: 'text', text: `<system-reminder>\n${steered('third')}\n</system-reminder>` },
      ]),
      { role: 'system', content: `${steered('first\nline')}\n\n${steered('second')}` },
    ]);
    expect(seen.texts.map(({ text, steering }) => [text, steering])).toEqual([
      ['work for 9 seconds', false],
      ['third', true],
      ['first\nline', true],
      ['second', true],
    ]);
    expect(seen.results).toEqual([
      { name: 'Bash', input: { command: 'echo 1' }, text: '1', isError: false },
    ]);
  });

  test('begins a turn after a complete answer, an interruption and a resumed crash', () => {
    const call = assistant([{ type: 'tool_use', id: 't', name: 'Bash', input: {} }]);
    const result = { type: 'tool_result', tool_use_id: 't', content: 'x' };
    expect(view([user('one'), assistant('1'), user('two')])).toMatchObject({
      texts: [{ text: 'two' }],
      answersBefore: 1,
      unfinished: [],
    });
    const interrupted = [
      user('one'),
      call,
      user([result, { type: 'text', text: '[Request interrupted by user for tool use]' }]),
      user('two'),
    ];
    expect(view(interrupted)).toMatchObject({
      texts: [{ text: 'two', steering: false }],
      notices: [],
      results: [],
      answersBefore: 0,
      unfinished: ['one'],
    });
    const crashed = [
      user('one'),
      call,
      user([result]),
      assistant('No response requested.'),
      user('two'),
    ];
    expect(view(crashed)).toMatchObject({
      texts: [{ text: 'two' }],
      notices: [],
      results: [],
      answersBefore: 0,
      unfinished: ['one'],
    });
  });
});

describe('stories', () => {
  test('say answers exactly, and several texts each once as lines', () => {
    expect(words(turn('Say Hello there.\n  second line'))).toBe('Hello there.\n  second line');
    expect(words(turn('please echo: x'))).toBe('x');
    expect(words(turn('echo a\necho b'))).toBe('a\nb');
    expect(
      words(
        view([
          user([
            { type: 'text', text: 'echo a' },
            { type: 'text', text: 'echo b' },
          ]),
        ]),
      ),
    ).toBe('a\nb');
  });

  test('a screenshot opens the page, saves, sends and tells the title', () => {
    const opened: [string, string] = [
      'mcp__playwright__browser_navigate',
      '### Page\n- Page URL: https://a.io/\n- Page Title: My Page\n',
    ];
    const taken: [string, string] = [
      'mcp__playwright__browser_take_screenshot',
      '### Result\n- [Screenshot of viewport](/out/page-1.png)',
    ];
    const sent: [string, string] = ['mcp__whatsapp__send_file', 'sent'];
    const asked = 'Please take a screenshot of a.io!';
    expect(tell(turn(asked))).toMatchObject([
      { name: 'mcp__playwright__browser_navigate', input: { url: 'https://a.io' } },
    ]);
    expect(tell(turn(asked, [opened]))).toMatchObject([
      { name: 'mcp__playwright__browser_take_screenshot' },
    ]);
    expect(tell(turn(asked, [opened, taken]))).toMatchObject([
      { name: 'mcp__whatsapp__send_file', input: { path: '/out/page-1.png', caption: 'My Page' } },
    ]);
    expect(words(turn(asked, [opened, taken, sent]))).toContain('My Page');
    expect(
      words(
        turn(asked, [
          [
            'mcp__playwright__browser_navigate',
            '!### Error\nError: browserBackend.callTool: net::ERR_X at https://a.io',
          ],
        ]),
      ),
    ).toBe('I could not do that: net::ERR_X at https://a.io');
    expect(words(turn('take a screenshot'))).toContain('Which page?');
    expect(findAddress('open localhost:3000/a, now')).toBe('http://localhost:3000/a');
  });

  test('a command is run as it is and its output fenced', () => {
    expect(tell(turn('run a command: echo "a b" | wc'))).toMatchObject([
      { name: 'Bash', input: { command: 'echo "a b" | wc' } },
    ]);
    expect(tell(turn('$ ls -la'))).toMatchObject([{ input: { command: 'ls -la' } }]);
    expect(tell(turn('run `date`'))).toMatchObject([{ input: { command: 'date' } }]);
    expect(words(turn('run date', [['Bash', 'Monday\n']]))).toBe('```\nMonday\n```');
    expect(words(turn('run date', [['Bash', 'a\n```\nb']]))).toBe('````\na\n```\nb\n````');
    expect(words(turn('run true', [['Bash', '']]))).toBe('`true` ran and printed nothing.');
    expect(words(turn('run false', [['Bash', '!Exit code 1']]))).toContain('`false` failed');
  });

  test('a file is written into the working directory and sent', () => {
    const asked = 'write todo.md with Buy milk';
    expect(tell(turn(asked))).toMatchObject([
      { name: 'Write', input: { file_path: '/home/agent/w/todo.md', content: 'Buy milk\n' } },
    ]);
    expect(tell(turn(asked, [['Write', 'ok']]))).toMatchObject([
      { name: 'mcp__whatsapp__send_file', input: { path: '/home/agent/w/todo.md' } },
    ]);
    expect(
      words(
        turn(asked, [
          ['Write', 'ok'],
          ['mcp__whatsapp__send_file', 'ok'],
        ]),
      ),
    ).toBe('I wrote todo.md and sent it to you.');
    expect(tell(turn('Write me a file'))).toMatchObject([
      { input: { file_path: '/home/agent/w/notes.txt' } },
    ]);
    expect(tell(turn('write ../../etc/passwd.txt with x'))).not.toMatchObject([
      { input: { file_path: '/etc/passwd.txt' } },
    ]);
    expect(words(view([user(asked)]))).toContain('did not tell me its working directory');
  });

  test('work goes in steps, says something in between and acknowledges steering', () => {
    expect(planWork('work for 10 seconds')).toEqual({ seconds: 10, steps: 2 });
    expect(planWork('work for 2 minutes')).toEqual({ seconds: 120, steps: 10 });
    expect(planWork('work for 60 min')).toEqual({ seconds: 3600, steps: 36 });
    expect(planWork('work for a while')).toEqual({ seconds: 30, steps: 6 });
    const step: [string, string] = ['Bash', 'step'];
    expect(tell(turn('work for 10 seconds'))).toMatchObject([
      { type: 'text' },
      { name: 'Bash', input: { command: 'echo step 1; sleep 5' } },
    ]);
    expect(tell(turn('work for 30 s', [step, step, step]))).toMatchObject([
      { name: 'mcp__whatsapp__send_message' },
    ]);
    expect(
      words(turn('work for 30 s', [step, step, step, ['mcp__whatsapp__send_message', 'ok']])),
    ).toBe('<Bash>');
    expect(words(turn('work for 10 seconds', [step, step]))).toBe(
      'Done: I worked for 10 seconds, in 2 steps.',
    );
    const withTexts = { ...turn('work for 10 seconds', [step, step]) };
    withTexts.texts = [
      ...withTexts.texts,
      { text: 'use blue', steering: true },
      { text: 'echo b', steering: true },
    ];
    expect(words(withTexts)).toBe(
      'Done: I worked for 10 seconds, in 2 steps.\n\nYou also said: “use blue”\n\nb',
    );
  });

  test('a question has three choices and the answer is repeated', () => {
    expect(tell(turn('ask me something'))).toMatchObject([
      { name: 'AskUserQuestion', input: { questions: [{ options: [{}, {}, {}] }] } },
    ]);
    expect(tell(turn('Ask me two things'))).toMatchObject([{ input: { questions: [{}, {}] } }]);
    const answered =
      'Your questions have been answered: "Which colour do you like best?"="Green", "Which size shall it be?"="Large".';
    expect(words(turn('ask me two things', [['AskUserQuestion', answered]]))).toBe(
      'Which colour do you like best? You chose Green.\nWhich size shall it be? You chose Large.',
    );
    expect(words(turn('ask me', [['AskUserQuestion', '!The user declined']]))).toContain('1. Red');
  });

  test.each([1, 500, 4_000, 20_000])('a long answer has exactly %i characters', (length) => {
    expect(writeMarkdown(length)).toHaveLength(length);
    expect((writeMarkdown(length).match(/```/g) ?? []).length % 2).toBe(0);
    expect(words(turn(`give me ${length} characters`))).toHaveLength(length);
  });

  test('failures, media and anything else', () => {
    expect(tell(turn('fail'))).toMatchObject([{ name: 'Bash' }]);
    expect(words(turn('fail', [['Bash', '!Exit code 3']]))).toContain('exit code 3');
    const picture = { type: 'image', source: {} };
    expect(words(view([user([picture, picture, { type: 'document', source: {} }])]))).toContain(
      '2 pictures and 1 document',
    );
    expect(words(turn('The person sent a voice note: /home/agent/media/a.ogg'))).toContain(
      '1 voice note',
    );
    expect(words(turn('good morning'))).toContain('scripted model');
  });

  test('going on after a crash tells the story that was cut off', () => {
    const crashed = view([
      user('work for 3 seconds'),
      assistant('No response requested.'),
      user('Please continue where you left off.'),
    ]);
    expect(tell(crashed)).toMatchObject([
      { type: 'text' },
      { name: 'Bash', input: { command: 'echo step 1; sleep 1.5' } },
    ]);
  });

  test('the first answer of a session says that it is scripted, later ones do not', () => {
    const first = tellStory(turn('say x'));
    expect(first).toMatchObject([
      { text: 'x\n\n_(I am a scripted model: no API key is in use.)_' },
    ]);
    expect(tellStory(view([user('say x'), assistant('x'), user('say y')]))).toEqual([
      { type: 'text', text: 'y' },
    ]);
  });
});

const sentFile = (type: string, more = ''): string =>
  `[The person sent a file of type ${type}; it is at /w/inbox/1a2b-1.bin]${more}`;

test.each([
  [
    '[The person shared a location: Pier 17, 40.7, -74]',
    '1 location. The place: Pier 17, 40.7, -74.',
  ],
  [
    '[The person shared a contact: Ada, +44 20 7946 0000 (cell); the card is at /w/inbox/a.vcf]',
    '1 contact card. The contact: Ada, +44 20 7946 0000 (cell).',
  ],
  [
    '[Voice message, transcribed by a machine; the recording is at /w/a.ogg] Look at the log.',
    '1 voice note. I heard: “Look at the log.”',
  ],
  [sentFile('application/zip'), '1 archive.'],
  [`what is in it?\n${sentFile('application/zip')}`, '1 archive.'],
  [sentFile('image/webp'), '1 sticker.'],
  [
    sentFile('application/pdf', ' [It is not shown to you here: read it with your tools.]'),
    '1 document.',
  ],
  [sentFile('application/x-unknown'), '1 file.'],
  [
    `${sentFile('image/png')}\n${sentFile('image/png')}\n${sentFile('audio/ogg')}`,
    '2 pictures and 1 voice note.',
  ],
])('whatever is received is seen, also with words beside it: %s', (sent, seen) => {
  const end = 'A scripted model cannot look inside, but it did arrive.';
  expect(words(turn(sent))).toBe(`I received ${seen} ${end}`);
});

test('what is shown as a picture or a document is not counted twice', () => {
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: 'AA' } };
  const shown = view([user([{ type: 'text', text: sentFile('image/webp') }, image])]);
  expect(words(shown)).toMatch(/^I received 1 sticker\. /);
  const pdf = {
    type: 'document',
    source: { type: 'base64', media_type: 'application/pdf', data: 'AA' },
  };
  const both = view([user([{ type: 'text', text: sentFile('application/pdf') }, pdf, image])]);
  expect(words(both)).toMatch(/^I received 1 document and 1 picture\. /);
});

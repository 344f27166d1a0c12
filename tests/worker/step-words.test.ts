import { expect, test } from 'vitest';
import { asInProgress } from '../../worker/progress/participle.ts';
import { describeStep } from '../../worker/progress/tool-descriptions.ts';

test.each([
  ['Run the test suite', 'Running the test suite'],
  ['List files in current directory', 'Listing files in current directory'],
  ['Install package dependencies', 'Installing package dependencies'],
  ['Find and delete all .tmp files', 'Finding and deleting all .tmp files'],
  ['Fetch JSON from the API and extract names', 'Fetching JSON from the API'],
  ['Stop the server, then start it', 'Stopping the server'],
  ['Commit the changes', 'Committing the changes'],
  ['Set the version', 'Setting the version'],
  ['Debug it', 'Debugging it'],
  ['Fix the login page', 'Fixing the login page'],
  ['Show the log', 'Showing the log'],
  ['See what is there', 'Seeing what is there'],
  ['Execute it', 'Executing it'],
  ['Open the page', 'Opening the page'],
  ['Copy and zip the files', 'Copying and zipping the files'],
  ['Edit it', 'Editing it'],
  ['Waiting for the server', 'Waiting for the server'],
  ['Bring it up', 'Bringing it up'],
  ['Simple HTTP server', undefined],
  ['The tests', undefined],
  ['', undefined],
])('“%s” in progress is “%s”', (order, doing) => {
  expect(asInProgress(order)).toBe(doing);
});

const doing = (name: string, summary = '', description?: string) =>
  describeStep({ name, summary, ...(description === undefined ? {} : { description }) });

test.each([
  ['Bash', 'npm test', 'Run the tests.', 'Running the tests', 'Run the tests'],
  ['Bash', 'npm test', undefined, 'Running a command', 'Run a command'],
  [
    'Bash',
    'npm test',
    'Test-suite of the shop',
    'Test-suite of the shop',
    'Test-suite of the shop',
  ],
  [
    'Read',
    '/data/workspaces/1555/src/login.ts',
    undefined,
    'Reading src/login.ts',
    'Read login.ts',
  ],
  ['Edit', 'login.css', undefined, 'Changing login.css', 'Change login.css'],
  ['Write', '/a/b/c.md', undefined, 'Writing b/c.md', 'Write c.md'],
  ['Grep', '/data/src', undefined, 'Looking through the code', 'Look through the code'],
  [
    'WebFetch',
    'https://example.com/a?key=1#b',
    undefined,
    'Reading https://example.com/a',
    'Read https://example.com/a',
  ],
  [
    'WebSearch',
    'weather in Rome',
    undefined,
    'Searching the web for “weather in Rome”',
    'Search the web for “weather in Rome”',
  ],
  [
    'Task',
    'Check the API',
    'Check the API',
    'A helper is at work: check the API',
    'Give a helper work: check the API',
  ],
  [
    'mcp__playwright__browser_navigate',
    'https://me:secret@example.com/',
    undefined,
    'Looking at https://example.com in the browser',
    'Open https://example.com',
  ],
  [
    'mcp__playwright__browser_take_screenshot',
    '',
    undefined,
    'Taking a picture of the page',
    'Take a picture of the page',
  ],
  [
    'mcp__playwright__browser_click',
    '',
    undefined,
    'Trying the page in the browser',
    'Try the page',
  ],
  ['mcp__claude_ai_Gmail__search', 'x', undefined, 'Using claude ai Gmail', 'Use claude ai Gmail'],
  ['Skill', '', undefined, 'Working', 'Use Skill'],
])('%s %s (%s) is “%s” and “%s”', (name, summary, description, now, line) => {
  expect(doing(name, summary, description)).toEqual({ doing: now, line });
});

test.each([
  'mcp__whatsapp__send_message',
  'mcp__whatsapp__send_file',
  'TodoWrite',
  'TaskUpdate',
  'AskUserQuestion',
  'ToolSearch',
])('%s is not worth a word', (name) => {
  expect(doing(name, 'something')).toBeUndefined();
});

test('no key, no command line, no long path and no endless text is shown', () => {
  const secret = 'sk-ant-api03-AbCdEf0123456789AbCdEf';
  const said = [
    doing(
      'Bash',
      `curl -H "x-api-key: ${secret}" https://api.test`,
      `Call the API with ${secret} and token=abc`,
    ),
    doing('WebFetch', `https://api.test/v1/${secret}/x?token=${secret}`),
    doing('Read', `/home/me/${secret}/notes.txt`),
    doing('WebSearch', `what is ${secret}`),
    doing('Bash', 'x', `Read /home/me/projects/shop/src/login.ts and ${'more '.repeat(60)}`),
  ];
  expect(JSON.stringify(said)).not.toMatch(/AbCdEf|abc|curl|\/home|projects/);
  expect(said[0]?.doing).toBe('Calling the API with … and token=…');
  expect(said[4]?.doing).toContain('src/login.ts');
  for (const words of said)
    expect(Math.max(words?.doing.length ?? 999, words?.line.length ?? 999)).toBeLessThanOrEqual(
      120,
    );
});

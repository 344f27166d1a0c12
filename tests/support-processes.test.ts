import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { endStarted } from './support/end-processes.ts';
import { until } from './support/until.ts';

const lives = (pid: number | undefined): boolean => {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('what a test has started and left running is ended, with its group', async () => {
  const stubborn = spawn('sh', ['-c', 'sleep 600 & echo $!; wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  stubborn.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const inner = Number(await until('its child', () => said.includes('\n') && said));
  const plain = spawn('sleep', ['600'], { stdio: 'ignore' });
  expect([lives(stubborn.pid), lives(inner), lives(plain.pid)]).toEqual([true, true, true]);
  expect(await endStarted()).toBe(2);
  await until('the end of all three', () => ![stubborn.pid, inner, plain.pid].some(lives));
  expect(await endStarted()).toBe(0);
});

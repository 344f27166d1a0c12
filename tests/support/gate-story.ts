import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { until } from './until.ts';

/**
 * `gate`: runs a command that leaves the file `begun` and waits for the file `gate`, then says
 * "through" and whatever was said meanwhile. A note that the work was interrupted makes it go on
 * with the same.
 */
export const gate: Story = {
  matches: (asked) => asked === 'gate' || asked.includes('You were interrupted'),
  next({ results }) {
    const done = results.some(
      ({ name, isError, text: printed }) =>
        name === 'Bash' && !isError && printed.includes('opened'),
    );
    return done
      ? text('through')
      : callTool('Bash', {
          command: 'touch begun; until test -e gate; do sleep 0.05; done; echo opened',
          description: 'Wait at the gate',
        });
  },
};

/** Waits until the work in this workspace stands at the gate. */
export async function atGate(workspace: string): Promise<void> {
  await until('the work at the gate', () =>
    access(path.join(workspace, 'begun')).then(
      () => true,
      () => false,
    ),
  );
}

export const openGate = (workspace: string): Promise<void> =>
  writeFile(path.join(workspace, 'gate'), '');

import { access, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { until } from './until.ts';

/**
 * Where commands of these stories leave files: no change of the workspace that a person is told of.
 */
export const gatePlace = '.cache';

/** Leaves the file `begun`, and waits for the file `gate`. */
export const waitAtGate = `(mkdir -p ${gatePlace} && cd ${gatePlace} && touch begun && until test -e gate; do sleep 0.05; done)`;

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
          command: `${waitAtGate}; echo opened`,
          description: 'Wait at the gate',
        });
  },
};

/** Waits until the work in this workspace stands at the gate. */
export async function atGate(workspace: string): Promise<void> {
  await until('the work at the gate', () =>
    access(path.join(workspace, gatePlace, 'begun')).then(
      () => true,
      () => false,
    ),
  );
}

export async function openGate(workspace: string): Promise<void> {
  await mkdir(path.join(workspace, gatePlace), { recursive: true });
  await writeFile(path.join(workspace, gatePlace, 'gate'), '');
}

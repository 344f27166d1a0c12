import { ownerOf } from '../../shared/store/owner.ts';
import type { Command, CommandAnswer, CommandCall, CommandDeps } from './command.ts';

/** A command that only the owner may give. `run` also gets the owner's conversation. */
export function ownerCommand(
  command: Omit<Command, 'run' | 'anytime' | 'ownerOnly'>,
  run: (parts: CommandDeps, call: CommandCall, owner: string) => Promise<CommandAnswer | undefined>,
): Command {
  return {
    ...command,
    anytime: true,
    ownerOnly: true,
    async run(parts, call) {
      const owner = await ownerOf(parts.stores, call.message.conversation);
      return owner === undefined ? 'Only the owner can do that.' : await run(parts, call, owner);
    },
  };
}

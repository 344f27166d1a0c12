import type { Stores } from '../../shared/store/stores.ts';
import type { Command, CommandAnswer, CommandCall, CommandDeps } from './command.ts';

/** The owner's conversation if this is the owner's, whatever address they write from. */
export async function ownerOf(
  { allowed, people }: Pick<Stores, 'allowed' | 'people'>,
  conversation: string,
): Promise<string | undefined> {
  const owner = await allowed.owner();
  if (owner === undefined || owner === conversation) return owner;
  const [one, other] = await Promise.all([people.idOf(owner), people.idOf(conversation)]);
  return one === other ? owner : undefined;
}

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

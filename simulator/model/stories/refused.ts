import type { ConversationView } from '../conversation-view.ts';

/**
 * What the model says when the person has refused a tool; undefined when none was refused. The
 * worker's sentence is for the model: the person's words in it are all that the person knows.
 */
export function refusedWords({ results }: Pick<ConversationView, 'results'>): string | undefined {
  for (const { isError, text } of results) {
    const said = /^The person said no(?:: “([\s\S]*)”)?/.exec(text);
    if (isError && said)
      return said[1] === undefined
        ? 'All right, I leave it.'
        : `All right, I leave it, since you said “${said[1]}”.`;
    if (isError && text.startsWith('The person did not answer in time'))
      return 'I had no answer from you, so I left it.';
  }
  return undefined;
}

import type { Answer } from '../answer.ts';
import type { ConversationView } from '../conversation-view.ts';

/**
 * A scripted behaviour. Both parts are pure, so that a story can be followed, repeated and tested
 * without a server.
 */
export type Story = {
  /**
   * Whether this story answers the text. Context that a host wraps around the person's words is
   * already removed.
   */
  matches(text: string): boolean;
  /**
   * The next answer of the model in this turn.
   * @param view the conversation, with the tool results of this turn so far
   * @param text the text that chose the story
   */
  next(view: ConversationView, text: string): Answer;
};

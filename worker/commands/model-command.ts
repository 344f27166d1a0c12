import type { ChoiceItem, Choices } from '../../shared/store/choices.ts';
import type { KnownModel, ModelLookup } from '../agent/model/known-model.ts';
import { modelAliases, readAlias, usualAliases } from '../agent/model/model-aliases.ts';
import { editDistance, mostMistakes } from './edit-distance.ts';
import type { Command, CommandAnswer } from './command.ts';

const modelHelp =
  '*/model opus*, */model sonnet* or */model haiku* changes it, and so does a model’s full name. */model default* leads back to the usual one.';

/** What a model's name may consist of. */
const modelName = /^[\w.:@/[\]-]{1,80}$/;

/** How many nearest names are offered, and how many models when none is near (a list has ten). */
const mostNear = 3;
const mostListed = 10;

/** Shows and sets the model. A name is stored only if there is such a model. */
export const modelCommand: Command = {
  // Further words belong to a name, as in “claude opus 5.5” and “gpt 4”; else they make a sentence.
  pattern: /^\/model(?:\s+(\S+|(?:claude|opus|sonnet|haiku)(?:\s+\S+){1,3}|\S+\s+v?\d\S*))?$/i,
  help: { usage: '/model opus', does: 'the model I think with' },
  anytime: true,
  async run(
    { stores: { conversations }, agent },
    { message: { conversation }, argument: words, context: { fence }, busy },
  ): Promise<CommandAnswer> {
    const argument = words.replaceAll(/\s+/g, '-');
    if (argument === '') {
      const { model } = await conversations.read(conversation);
      return {
        text: `${model ? `The model is ${model}.` : 'The model is the usual one.'}\n\n${modelHelp}`,
        choices: { kind: 'buttons', items: usualAliases.map(asAliasItem), told: true },
      };
    }
    if (!modelName.test(argument))
      return {
        text: 'That is not a model’s name. Tap the one you want, or text for example “/model sonnet”.',
        choices: asChoices(usualAliases.map(asAliasItem)),
      };
    const from = busy ? 'the next task' : 'now';
    if (argument.toLowerCase() === 'default') {
      await conversations.write(conversation, fence, { model: '' });
      return `The usual model from ${from} on.`;
    }
    let model = readAlias(argument);
    if (model === undefined) {
      const lookup = await agent.lookUpModel?.(argument);
      // An agent that cannot say which models there are takes the person's word for it.
      model = lookup ? lookup.model : argument;
      if (lookup && model === undefined) return unknownModel(argument, lookup);
    }
    await conversations.write(conversation, fence, { model: model ?? '' });
    return `The model ${model} from ${from} on.`;
  },
};

/**
 * The answer to a name that no model has: the nearest names to tap, or what there is to choose
 * from.
 */
export function unknownModel(
  name: string,
  { offered, isFromService }: Omit<ModelLookup, 'model'>,
): { text: string; choices: Choices } {
  const models = offered.filter(({ id }) => modelName.test(id));
  const unsure = isFromService
    ? ''
    : ' I cannot reach Claude’s servers right now, so I only know the usual names.';
  const unknown = `I do not know the model “${name}”.${unsure}`;
  const near = nearest(name, models);
  const [first] = near;
  if (first) {
    const names = near.map(({ id }) => id).join(' or ');
    return {
      text: `${unknown} Did you mean ${names}? Text “/model ${first.id}”, or tap.`,
      choices: asChoices(near.map(asItem)),
    };
  }
  const others = isFromService ? models.slice(0, mostListed - usualAliases.length) : [];
  return {
    text: `${unknown} Tap the one you want, or text for example “/model sonnet”.`,
    choices: asChoices([...usualAliases.map(asAliasItem), ...others.map(asItem)]),
  };
}

/** The models that a misspelt name is nearest to; none if none is near. */
function nearest(name: string, models: KnownModel[]): KnownModel[] {
  const wanted = plain(name);
  const all = [...modelAliases.map((alias) => ({ id: alias, name: capital(alias) })), ...models];
  const distances = all.map((model) =>
    Math.min(editDistance(wanted, plain(model.id)), editDistance(wanted, plain(model.name))),
  );
  const least = Math.min(...distances);
  if (least > mostMistakes(wanted.length)) return [];
  return all.filter((_, index) => distances[index] === least).slice(0, mostNear);
}

/** What is compared of a name: people leave out “claude”, the release's date and the signs. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/\[1m\]$/, '')
    .replace(/-\d{8}$/, '')
    .replaceAll(/claude|[^a-z0-9]/g, '');
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

function asAliasItem(alias: string): ChoiceItem {
  return { id: `/model ${alias}`, title: capital(alias) };
}

function asItem({ id, name }: KnownModel): ChoiceItem {
  return {
    id: `/model ${id}`,
    title: name,
    ...(name.toLowerCase() === id ? {} : { description: id }),
  };
}

function asChoices(items: ChoiceItem[]): Choices {
  return items.length > mostNear
    ? { kind: 'list', button: 'Models', items, told: true }
    : { kind: 'buttons', items, told: true };
}

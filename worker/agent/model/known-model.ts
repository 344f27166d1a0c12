/** A model that can be chosen by its id; `name` is its name for people. */
export type KnownModel = { id: string; name: string };

/** What is known of a model's name. */
export type ModelLookup = {
  /** The model's id; undefined when no model has that name. */
  model: string | undefined;
  /** The models to choose from, newest first. */
  offered: KnownModel[];
  /** The model's service has said so; otherwise this is the worker's own list, which may be old. */
  isFromService: boolean;
};

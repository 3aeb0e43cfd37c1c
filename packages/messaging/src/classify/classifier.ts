/** What a classifier gets to see. */
export interface ClassifierInput {
  /** The normalised text. */
  readonly text: string;
  /** Language of the text. */
  readonly locale: string;
}

/** What surrounds a classification. */
export interface ClassifierContext {
  /** Aborted when the time limit passed. */
  readonly signal: AbortSignal;
}

/** What a classifier answers. */
export interface ClassifierResult {
  readonly category: string;
  /** 0 to 1. */
  readonly confidence: number;
  /** Distance to the second-best category, 0 to 1. @defaultValue 1 */
  readonly margin?: number;
  /** Who said it. */
  readonly source: string;
}

/** Names the category of a text: rules, a model, a remote service. */
export interface Classifier {
  /** Part of the cache key: change it when the answers change. @defaultValue `'1'` */
  readonly version?: string;
  classify(
    input: ClassifierInput,
    context: ClassifierContext,
  ): Promise<ClassifierResult> | ClassifierResult;
}

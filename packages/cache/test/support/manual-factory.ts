/** A factory that ends when it is told to. */
export interface ManualFactory {
  factory: () => Promise<string>;
  /** Resolves when it has been called. */
  started: Promise<void>;
  calls: number;
  end(value: string): void;
  fail(reason: unknown): void;
}

export function manualFactory(): ManualFactory {
  let end: (value: string) => void = () => undefined;
  let fail: (reason: unknown) => void = () => undefined;
  let start = (): void => undefined;
  const value = new Promise<string>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  const manual: ManualFactory = {
    calls: 0,
    factory: () => {
      manual.calls += 1;
      start();
      return value;
    },
    started,
    end: (one) => end(one),
    fail: (reason) => fail(reason),
  };
  return manual;
}

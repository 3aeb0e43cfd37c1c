import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import {
  type Context,
  type ContextManager,
  context,
  createContextKey,
  ROOT_CONTEXT,
} from '@opentelemetry/api';

const STORAGE_KEY = Symbol.for('holdfast.context');
const PROBE = createContextKey('holdfast.probe');

type Listener = (...args: unknown[]) => unknown;

/**
 * The one AsyncLocalStorage of the process. Each further one taxes every `await` (on Node 20 and 22) or every `run`
 * (on 24), so OpenTelemetry's context and ours are the same object; the registered symbol makes two copies of this
 * package share it.
 */
function sharedStorage(): AsyncLocalStorage<Context> {
  const found: unknown = Reflect.get(globalThis, STORAGE_KEY);
  if (found instanceof AsyncLocalStorage) return found;
  const storage = new AsyncLocalStorage<Context>();
  Reflect.set(globalThis, STORAGE_KEY, storage);
  return storage;
}

/** OpenTelemetry's context manager over the shared storage. */
class SharedContextManager implements ContextManager {
  readonly #storage = sharedStorage();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(active, () => fn.call(thisArg, ...args));
  }

  bind<T>(bound: Context, target: T): T {
    if (target instanceof EventEmitter) return this.#bindEmitter(bound, target);
    if (typeof target !== 'function') return target;
    const storage = this.#storage;
    return new Proxy(target, {
      apply: (fn, thisArg, args) => storage.run(bound, () => Reflect.apply(fn, thisArg, args)),
    });
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }

  /** Listeners added from now on run in `bound`. */
  #bindEmitter<T extends EventEmitter>(bound: Context, emitter: T): T {
    const run = (listener: Listener, args: unknown[]): unknown =>
      this.#storage.run(bound, () => Reflect.apply(listener, emitter, args));
    // Node finds a wrapped listener again (to remove it) by its `listener` property
    const wrap = (listener: Listener): Listener =>
      Object.assign((...args: unknown[]) => run(listener, args), { listener });
    const wrapOnce = (event: string | symbol, listener: Listener): Listener => {
      const once = (...args: unknown[]): unknown => {
        emitter.removeListener(event, listener);
        return run(listener, args);
      };
      return Object.assign(once, { listener });
    };
    const append = emitter.on.bind(emitter);
    const prepend = emitter.prependListener.bind(emitter);
    emitter.on = (event, listener) => append(event, wrap(listener));
    emitter.addListener = emitter.on;
    emitter.prependListener = (event, listener) => prepend(event, wrap(listener));
    emitter.once = (event, listener) => append(event, wrapOnce(event, listener));
    emitter.prependOnceListener = (event, listener) => prepend(event, wrapOnce(event, listener));
    return emitter;
  }
}

/**
 * Makes the OpenTelemetry API carry context through `await`, timers and events. Does nothing when a context manager
 * is registered already, ours or the application's own.
 */
export function installContext(): void {
  const works = context.with(
    ROOT_CONTEXT.setValue(PROBE, true),
    () => context.active().getValue(PROBE) === true,
  );
  if (!works) context.setGlobalContextManager(new SharedContextManager());
}

import type { NamespaceState } from './namespace.js';

/** What a read saw: a write that carries it is made only while that is still so. */
export interface Fence {
  readonly epoch: number;
  readonly version: number;
  readonly tagsSeen: number;
}

/** A fence as callers have it. */
export function fenceText(version: number, { epoch, tagsSeen }: NamespaceState): string {
  return `${epoch.number}.${version}.${tagsSeen}`;
}

/** `NaN` in place of what is malformed: such a fence never holds. */
export function parseFence(fence: string): Fence {
  const [epoch, version, tagsSeen] = fence.split('.').map(Number);
  return {
    epoch: epoch ?? Number.NaN,
    version: version ?? Number.NaN,
    tagsSeen: tagsSeen ?? Number.NaN,
  };
}

/** Whether neither the namespace was cleared nor one of the tags invalidated. The version is compared at the write. */
export function isCurrent(
  fence: Fence,
  { epoch }: NamespaceState,
  tags: readonly string[],
): boolean {
  return fence.epoch === epoch.number && !epoch.tags.invalidatedSince(tags, fence.tagsSeen);
}

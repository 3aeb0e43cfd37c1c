import type { GroupLimits, QueueLimits, QueuePatch } from '../store.js';
import { whoOf } from '../who.js';
import type { GroupLimitsData, LimitsInfo, LimitsInput } from './limits-data.js';

/** The limits of an input as a store takes them: an exact optional property is not one that is undefined. */
export function toLimitsPatch(input: LimitsInput): QueuePatch {
  const { concurrency, rate, priorities, groupDefaults, groups } = input;
  return {
    ...whoOf(input),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rate === undefined ? {} : { rate }),
    ...(priorities === undefined ? {} : { priorities }),
    ...(groupDefaults === undefined ? {} : { groupDefaults: toGroupLimits(groupDefaults) }),
    ...(groups === undefined
      ? {}
      : {
          groups: Object.fromEntries(
            Object.entries(groups).map(([key, limits]) => [key, toGroupLimits(limits)]),
          ),
        }),
  };
}

function toGroupLimits(data: GroupLimitsData | null): GroupLimits | null {
  if (data === null) return null;
  const { concurrency, rate, weight } = data;
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rate === undefined ? {} : { rate }),
    ...(weight === undefined ? {} : { weight }),
  };
}

/** The limits of a queue as plain data. */
export function toLimitsInfo({ groups, groupDefaults, ...limits }: QueueLimits): LimitsInfo {
  const copies = Object.entries(groups).map(([key, of]) => [key, { ...of }]);
  return {
    ...limits,
    groupDefaults: groupDefaults === null ? null : { ...groupDefaults },
    groups: Object.fromEntries(copies),
  };
}

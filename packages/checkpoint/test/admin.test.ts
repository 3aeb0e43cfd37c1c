import { describe, expect, it } from 'vitest';
import { CheckpointAdmin, createCheckpoints, memoryStore } from '../src/index.js';
import { checkpointOutputs } from '../src/schemas.js';

describe('CheckpointAdmin', () => {
  it('gives JSON that fits its schemas', async () => {
    const checkpoints = createCheckpoints({ store: memoryStore() });
    checkpoints.register('s', { restore() {} });
    const admin = new CheckpointAdmin(checkpoints);
    await checkpoints.save('s', { a: 1 }, { label: 'x', tags: ['t'], metadata: { k: [1] } });
    await checkpoints.save('s', { a: 2 });
    const by = { by: 'ann', reason: 'test' };
    const results = {
      rollback: await admin.rollback({ subject: 's', to: 1, expected_version: 2, ...by }),
      undo: await admin.undo({ subject: 's', ...by }),
      subjects: await admin.subjects(),
      list: await admin.list({ subject: 's', limit: '1', from: '2020-01-01T00:00:00.000Z' }),
      get: await admin.get({ subject: 's', version: '1' }),
      verify: await admin.verify({ subject: 's' }),
    };
    for (const [method, output] of Object.entries(results)) {
      const schema = checkpointOutputs[method as keyof typeof results];
      expect(schema.parse(output), method).toEqual(output);
      expect(JSON.parse(JSON.stringify(output))).toEqual(output);
    }
    expect(results.list.items).toHaveLength(1);
    expect(results.get.state).toEqual({ a: 1 });
    expect(results.undo.origin).toMatchObject({ kind: 'rollback', from: 3, to: 2 });
  });

  it('refuses input that does not fit', async () => {
    const admin = new CheckpointAdmin(createCheckpoints({ store: memoryStore() }));
    await expect(admin.rollback({ subject: 's', to: '1' })).rejects.toMatchObject({
      code: 'CHECKPOINT_OPTION_INVALID',
      details: { errors: expect.arrayContaining([expect.objectContaining({ path: 'input.by' })]) },
    });
    await expect(admin.list({ subject: 's', from: 'yesterday' })).rejects.toThrow('input.from');
  });
});

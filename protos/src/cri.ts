import descriptor from './gen/cri.descriptor.json' with { type: 'json' };
import type { RuntimeService } from './gen/cri.ts';
import { defineService, loadRoot } from './service.ts';

const root = loadRoot(descriptor);

export const criRuntime = defineService<RuntimeService>(root, 'runtime.v1.RuntimeService');

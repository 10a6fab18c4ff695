/**
 * What the facts don't tell about the built-in types comes from Go's API types. They are no part of the facts: where no
 * module cache has them, the committed files stay as they are (`go mod download k8s.io/{api,apimachinery,…}@v0.36.3
 * k8s.io/kubernetes@v1.36.3` brings them; `GO_MODULES` says where they are).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { modules, release } from './go-types/modules.ts';

if (existsSync(join(modules, `api@v${release}`))) await import('./go-types/write.ts');
else console.log(`left as they are: wire-forms.ts, internal-shapes.ts; ${modules} has no api@v${release}`);

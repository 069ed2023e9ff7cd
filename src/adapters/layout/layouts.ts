import type {RepositoryLayout} from '../../ports.ts'
import {barmanCloudLayout, barmanLayout} from './barman.ts'
import {pgBackRestLayout} from './pgbackrest.ts'
import {plainLayout} from './plain.ts'
import {walgLayout} from './walg.ts'

/** Every layout, in the order in which they are tried: those with marks of their own first, plain last, for anything may be that. */
export const allLayouts: readonly RepositoryLayout[] = [
	pgBackRestLayout,
	barmanLayout,
	barmanCloudLayout,
	walgLayout,
	plainLayout,
]

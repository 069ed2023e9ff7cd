import type {StepName, View} from '../views.ts'

/** A way through steps, with what is behind and what is ahead of the current one. */
export function crumbs(names: readonly StepName[], current: StepName): View['breadcrumb'] {
	const place = names.indexOf(current)
	return names.map((name, index) => ({name, state: index < place ? 'done' : index === place ? 'current' : 'ahead'}))
}

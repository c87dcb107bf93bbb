/** What a child process runs that times the parts which routers and planners rest on. */
import { answerParent } from "../answer-parent.ts";
import { type ComponentTask, measureComponents } from "../components.ts";
import type { ComponentRow } from "../result.ts";

answerParent<ComponentTask, ComponentRow>(measureComponents);

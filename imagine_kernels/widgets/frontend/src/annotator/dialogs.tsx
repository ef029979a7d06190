/** The windows over the page. */

import { usePage } from "./context";
import { Export, Find, TakeIn } from "./exchange";
import { ReadLabels } from "./help/read-labels";
import { HeldDialog } from "./held";
import { KeysSheet } from "./keys-sheet";

export function Dialogs() {
  const page = usePage();
  const close = () => page.open(null);
  switch (page.dialog?.kind) {
    case "keys":
      return <KeysSheet onClose={close} />;
    case "held":
      return <HeldDialog onClose={close} />;
    case "export":
      return <Export onClose={close} />;
    case "import":
      return <TakeIn what="import" onClose={close} />;
    case "add-media":
      return <TakeIn what="add-media" onClose={close} />;
    case "read-labels":
      return <ReadLabels onClose={close} />;
    case "find":
      return <Find onClose={close} />;
    default:
      return null;
  }
}

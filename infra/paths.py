"""Where the parts of the checkout are. Nothing here reads or writes."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = ROOT / "functions"
EVENTS = ROOT / "events"
LAYERS = ROOT / "layers"
INFRA = ROOT / "infra"
LOCAL = ROOT / ".local"  # everything that can be built again; not under version control

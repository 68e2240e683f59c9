import Masks
import Testing

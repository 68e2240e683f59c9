// Images: JPEG (libjpeg-turbo) and PNG (libpng).
#pragma once
